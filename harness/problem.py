"""What stops a command, said to its user: one line of what, one of where, one of what to do. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum

from results.printable import printable


class ExitCode(IntEnum):
    """How a command ends. WRONG_RESULTS outranks REGRESSION."""

    GOOD = 0
    REGRESSION = 1
    USAGE = 2
    WRONG_RESULTS = 3
    UNFINISHED = 4
    ENVIRONMENT = 5
    INCONCLUSIVE = 6
    INTERRUPTED = 130


MEANINGS: Mapping[ExitCode, str] = {
    ExitCode.GOOD: "everything that ran was right",
    ExitCode.REGRESSION: "a regression, or a threshold was crossed",
    ExitCode.USAGE: "the command or the suite is not valid",
    ExitCode.WRONG_RESULTS: "wrong results or a broken guarantee",
    ExitCode.UNFINISHED: "an engine did not finish, or standard output cannot be written",
    ExitCode.ENVIRONMENT: "nothing could run here, or something needed is missing",
    ExitCode.INCONCLUSIVE: "inconclusive, where --strict was asked for",
    ExitCode.INTERRUPTED: "interrupted; what is known is kept",
}
"""What each says, for help."""

ENDS: Mapping[str, ExitCode] = {
    "pass": ExitCode.GOOD,
    "fail": ExitCode.WRONG_RESULTS,
    "unknown": ExitCode.UNFINISHED,
    "unsupported": ExitCode.ENVIRONMENT,
    "unavailable": ExitCode.ENVIRONMENT,
}
"""How a command ends that judged cases, by the worst outcome (`results.result.Outcome`) among them."""


_BISECT: Mapping[int, int] = {
    ExitCode.UNFINISHED: 125,
    ExitCode.ENVIRONMENT: 125,
    ExitCode.INCONCLUSIVE: 125,
    ExitCode.USAGE: 128,
}
"""What `git bisect run` takes for "cannot be told, leave this revision out" (125) and "stop" (128)."""


def bisected(arguments: Sequence[str], code: int) -> int:
    """The exit code of a command line, as `git bisect run` reads it where --bisect was asked of `gate`."""
    return _BISECT.get(code, code) if list(arguments[:1]) == ["gate"] and "--bisect" in arguments else code


class Problem(Exception):
    """The user's to fix: `what` is wrong, `where` it is, and what to do about it (`remedy`)."""

    def __init__(
        self, what: str, where: str = "", remedy: str = "", exit_code: ExitCode = ExitCode.ENVIRONMENT
    ) -> None:
        super().__init__(what)
        self.what, self.where, self.remedy, self.exit_code = what, where, remedy, exit_code

    def text(self, label: str = "error") -> str:
        """What, where and what to do, those that are known, each on a line and fit for a terminal.

        Further lines of what (the last ones of a log, say) stand below it, further in: none looks like one of ours.
        """
        first, *further = self.what.split("\n")
        told = [f"{label}: {printable(first)}", *(f"    {printable(line)}" for line in further)]
        return "\n".join([*told, *(f"  {printable(part)}" for part in (self.where, self.remedy) if part)])
