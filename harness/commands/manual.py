"""What help says below the options of a command: an example, and how the command may end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.commands.invocation import program
from harness.problem import MEANINGS, ExitCode

_JUDGED = tuple(ExitCode)
_SHOWN = (ExitCode.GOOD, ExitCode.USAGE, ExitCode.UNFINISHED)

EXAMPLES: Mapping[str, Sequence[tuple[str, str]]] = {
    "": (
        ("run quick --log embedded", "the built-in runners, in a few minutes, without Java"),
        ("report latest", "its page"),
    ),
    "run": (
        ("run quick --log embedded", "the built-in runners, without Java"),
        ("run quick --dry-run", "the cases and about how long they take; starts nothing"),
        ("run -e flink -w word-count --fault kill-worker", "one case, with strikes"),
    ),
    "noise": (("noise -e continuous", "ten trials of one case"),),
    "explain": (("explain flink.sensors", "the settings and the plan of one case"),),
    "judge": (("judge latest --threshold 'p99 < 2s'", "exit code 1 where it is crossed"),),
    "report": (
        ("report latest -o page.html", ""),
        ("report latest --against before/result.json", "the page also says what changed"),
        ("report latest --images charts", "also each chart as SVG and PNG"),
    ),
    "compare": (("compare before/result.json latest", ""),),
    "list": (("list engines --matrix", "how each engine answers each workload"),),
    "export": (("export latest --to csv -o run.csv", ""),),
    "doctor": (("doctor", ""),),
    "setup": (("setup flink", ""),),
    "gate": (("gate --baseline main", "is the working tree slower than main, or wrong?"),),
    "history": (
        ("history add latest", "keep the figures of a run"),
        ("history show", "where a level changed, what became worse first"),
    ),
    "history add": (("history add latest", ""),),
    "history show": (("history show --all", "every metric that is kept"),),
    "history accept": (("history accept CASE drain_rate --why 'larger batches'", "CASE as `history show` names it"),),
    "job": (
        ("job new mine.toml", "a file to put your command in"),
        ("job check mine.toml", "does it start, answer right, and survive a kill?"),
    ),
    "job new": (("job new mine.toml", ""),),
    "job check": (("job check mine.toml", ""),),
    "accept": (("gate accept continuous.default.sensors --until 2027-01-31 --reason 'safer'", ""),),
}
"""By command, what to type behind the command's name and what it does."""

_ENDS: Mapping[str, Sequence[ExitCode]] = {
    "": _JUDGED,
    "run": _JUDGED,
    "noise": _JUDGED,
    "judge": _JUDGED,
    "gate": _JUDGED,
    "export": (*_SHOWN, ExitCode.WRONG_RESULTS, ExitCode.ENVIRONMENT, ExitCode.INCONCLUSIVE),
    "doctor": (*_SHOWN, ExitCode.ENVIRONMENT),
    "setup": (*_SHOWN, ExitCode.ENVIRONMENT),
    "explain": (*_SHOWN, ExitCode.ENVIRONMENT),
    "compare": _SHOWN,
    "report": _SHOWN,
    "list": _SHOWN,
    "accept": _SHOWN,
    "job": (*_SHOWN, ExitCode.WRONG_RESULTS, ExitCode.ENVIRONMENT),
    "job new": _SHOWN,
    "job check": (*_SHOWN, ExitCode.WRONG_RESULTS, ExitCode.ENVIRONMENT),
    "history": _SHOWN,
    "history add": _SHOWN,
    "history show": _SHOWN,
    "history accept": _SHOWN,
}

_VERBATIM = "\b"
"""Before a paragraph whose lines are to stay as they are."""


def epilog(command: str) -> str:
    """For a command by its name; "" for the whole program."""
    examples = [
        line
        for words, what in EXAMPLES[command]
        for line in (f"  {program()} {words}", *([f"      {what}"] if what else []))
    ]
    ends = [f"  {int(code):>3}  {MEANINGS[code]}" for code in sorted(_ENDS[command])]
    title = "Example:" if len(examples) == 1 else "Examples:"
    return "\n".join([_VERBATIM, title, *examples, "", _VERBATIM, "Exit codes:", *ends])
