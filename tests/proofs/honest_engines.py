"""Honest engines are accused in none of many trials: a long proof, which the tests leave out.

    python -m tests.proofs.honest_engines embedded 120 continuous micro-batch
    python -m tests.proofs.honest_engines kafka 20 flink spark kafka-streams

Each round is the suite `shapes` with another seed: every workload on the engines that are named. Rounds go on until
there were so many trials that passed, failed or stayed unknown. Prints what each one that did not pass was accused of;
ends with 1 if one failed, or if a row of one was found to be wrong.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import Counter
from itertools import count
from pathlib import Path

from results.result import CaseResult, RunResult

ROOT = Path(__file__).resolve().parents[2]
JUDGED = ("pass", "fail", "unknown")
FIRST_SEED = 7_000
ROUND_S = 7_200
"""A round takes longer than this only if it hangs."""


def conducted(log: str, engines: list[str], seed: int) -> list[CaseResult]:
    """The judged cases of a round. Raises RuntimeError, with what was printed last, if the run left no result."""
    named = [word for engine in engines for word in ("-e", engine)]
    with tempfile.TemporaryDirectory() as folder:
        ran = subprocess.run(
            [ROOT / "bench", "run", "shapes", "--log", log, "--seed", str(seed), *named, "--out", folder],
            capture_output=True,
            text=True,
            timeout=ROUND_S,
            check=False,
        )
        found = list(Path(folder).glob("*/result.json"))
        if not found:
            raise RuntimeError(f"seed {seed} left no result:\n{ran.stdout[-2000:]}{ran.stderr[-2000:]}")
        run = RunResult.model_validate_json(found[0].read_bytes())
    return [case for case in run.cases if case.outcome in JUDGED]


def accused(case: CaseResult) -> bool:
    """Whether the case failed, or a row of it is said to be wrong, missing or too many."""
    verdict = case.verdict
    return case.outcome == "fail" or bool(verdict.missing + verdict.duplicate + verdict.wrong + verdict.unexpected)


def main() -> None:
    log, wanted, engines = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    outcomes: Counter[str] = Counter()
    blamed = 0
    for seed in count(FIRST_SEED):
        for case in conducted(log, engines, seed):
            outcomes[case.outcome] += 1
            blamed += accused(case)
            if case.outcome != "pass" or accused(case):
                print(f"seed {seed}: {case.engine} {case.workload}: {case.outcome}: {case.reason}", flush=True)  # noqa: T201
        print(f"{outcomes.total()} trials on {log}: {dict(outcomes)}, accused: {blamed}", flush=True)  # noqa: T201
        if outcomes.total() >= wanted:
            break
    sys.exit(1 if blamed else 0)


if __name__ == "__main__":
    main()
