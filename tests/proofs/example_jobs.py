"""What the example jobs are found to be, and that honest ones are accused in none of many runs. By hand, not by CI.

    python -m tests.proofs.example_jobs table [NAME ...]      `job check` and `run ci` of each example; half an hour
    python -m tests.proofs.example_jobs honest TIMES [NAME]   so many times `run ci` of pipe-exactly-once, or another
    python -m tests.proofs.example_jobs planted TIMES         the same of two that are not what they claim

`table` prints a line of a table for each, `honest` and `planted` a line for each run. `honest` ends with 1 if a row is
said to be lost, wrong or too many, `planted` if a program is not convicted.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from results.result import CaseResult, RunResult

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "jobs"
RUN_S = 1800.0
"""A run takes longer than this only if it hangs."""

CLAIM = 'delivery = "at-least-once"'
BOLD = 'delivery = "exactly-once"'


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    """Its exit code."""
    seconds: float
    """How long it took."""
    told: str
    """What it printed."""


def bench(*words: str) -> Ended:
    began_s = time.monotonic()
    ran = subprocess.run([ROOT / "bench", *words], capture_output=True, text=True, timeout=RUN_S, check=False)
    return Ended(ran.returncode, time.monotonic() - began_s, ran.stdout + ran.stderr)


def struck(file: Path, seed: int | None = None) -> tuple[Ended, CaseResult]:
    """`run ci` of a job file. Raises RuntimeError, with what was printed last, if it left no result."""
    seeds = [] if seed is None else ["--seed", str(seed)]
    with tempfile.TemporaryDirectory() as folder:
        ended = bench("run", "ci", "--job", str(file), "--no-progress", "--out", folder, *seeds)
        found = list(Path(folder).glob("*/result.json"))
        if not found:
            raise RuntimeError(f"{file.name} left no result:\n{ended.told[-3000:]}")
        run = RunResult.model_validate_json(found[0].read_bytes())
    return ended, run.cases[0]


def accused(case: CaseResult) -> bool:
    """Whether the case failed, or a row of it is said to be missing or wrong."""
    counts = case.verdict
    return case.outcome == "fail" or bool(counts.missing + counts.wrong + counts.unexpected)


def verdict(ended: Ended, case: CaseResult) -> str:
    """minutes, how it ended, what was counted, and how often something was at stake."""
    counts = case.verdict
    wrong = counts.wrong + counts.unexpected
    exposed = sum(bool(strike.exposed) for strike in case.strikes)
    return (
        f"{_minutes(ended)} | {case.outcome} ({ended.code}) | {counts.missing:,}/{counts.duplicate:,}/{wrong:,} of "
        f"{counts.match:,} | {exposed} of {len(case.strikes)}"
    )


def _minutes(ended: Ended) -> str:
    minutes, seconds = divmod(round(ended.seconds), 60)
    return f"{minutes} min {seconds} s"


def table(names: Sequence[str]) -> int:
    """A line for each example, with how its check and its strikes ended."""
    _say("| example | check | ci | outcome (exit code) | lost/dup/wrong of right | exposed |")
    _say("| --- | --- | --- | --- | --- | --- |")
    for file in sorted(EXAMPLES.glob("*.toml")):
        if names and file.stem not in names:
            continue
        with tempfile.TemporaryDirectory() as folder:
            check = bench("job", "check", str(file), "--out", folder)
        said = " ".join(line.strip() for line in check.told.splitlines() if line.startswith(("✓", "✗", "error")))
        _say(f"| {file.stem} | {_minutes(check)}, exit {check.code} | {verdict(*struck(file))} |")
        _say(f"<!-- {said} -->")
    return 0


def honest(times: int, name: str) -> int:
    blamed = 0
    for seed in range(times):
        ended, case = struck(EXAMPLES / f"{name}.toml", seed)
        blamed += accused(case)
        _say(f"{name}, seed {seed}: {verdict(ended, case)}; accused in {blamed} of {seed + 1}")
        if case.outcome != "pass":
            _say(f"  {case.reason}")
    return 1 if blamed else 0


def planted(times: int) -> int:
    """One that commits before it writes, and one that claims more than it does: each is to be convicted each time."""
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        for program in EXAMPLES.glob("*.py"):
            shutil.copy(program, folder)
        text = (EXAMPLES / "pipe-at-least-once.toml").read_text()
        bold = Path(folder) / "pipe-bold.toml"
        bold.write_text(text.replace(CLAIM, BOLD))
        for seed in range(times):
            for file in (EXAMPLES / "pipe-careless.toml", bold):
                ended, case = struck(file, seed)
                missed += case.outcome != "fail"
                _say(f"{file.stem}, seed {seed}: {verdict(ended, case)}; not convicted: {missed}")
    return 1 if missed else 0


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def main() -> None:
    what, *words = sys.argv[1:]
    if what == "table":
        code = table(words)
    elif what == "honest":
        code = honest(int(words[0]), words[1] if len(words) > 1 else "pipe-exactly-once")
    elif what == "planted":
        code = planted(int(words[0]))
    else:
        sys.exit(__doc__)
    sys.exit(code)


if __name__ == "__main__":
    main()
