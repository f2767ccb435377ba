"""The table of five trials, with intervals, that docs/results keeps: made by hand on a quiet machine, and not by CI.

    python -m tests.proofs.five_trials            runs the suite `quick`, five trials a case, then as below
    python -m tests.proofs.five_trials RUN        of a run that is there: keeps its result and its table

Writes docs/results/five-trials.json.xz, the run's result, and docs/results/five-trials.md, its table. Ends with 1 and
writes nothing if there are fewer than five trials of a case, or if one did not pass. Takes about an hour.
"""

from __future__ import annotations

import lzma
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from reports import summary, units
from reports.columns import MetricColumn, columns
from reports.comparison import Comparison, Row, compare
from results.metrics.statistics import INTERVAL_SAMPLES
from results.result import RunResult

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "docs" / "results"
NAME = "five-trials"
RUN_S = 4 * 3600
"""A run takes longer than this only if it hangs."""


def unfit(run: RunResult) -> str | None:
    """Why a run makes no table that is worth keeping, or None if it does."""
    for comparison in compare(run):
        for row in comparison.ran:
            if row.outcome != "pass":
                return f"{row.name}: {row.outcome}: {'; '.join(row.reasons)}"
            if len(row.trials) < INTERVAL_SAMPLES:
                return f"{row.name} has {len(row.trials)} of {INTERVAL_SAMPLES} trials"
    return None


def page(run: RunResult) -> str:
    """The tables of a run in Markdown, with what can be said of who is faster."""
    lines = [f"# Five trials each: `{run.suite}`", ""]
    if run.machine is not None:
        made = f"method version {run.method_version}; made by `tests/proofs/five_trials.py`"
        lines += [f"{units.machine(run.machine)}; {made}.", ""]
    lines.append("Medians of the trials with their 95 % intervals. What stands in brackets says less than it seems to.")
    for comparison in compare(run):
        lines += ["", f"## {comparison.title}", "", *_table(comparison), "", *_sentences(comparison)]
    return "\n".join(lines) + "\n"


def _table(comparison: Comparison) -> Iterator[str]:
    shown = columns()
    yield f"| engine | {' | '.join(_heading(column) for column in shown)} |"
    yield f"| --- |{' --- |' * len(shown)}"
    for row in comparison.ran:
        yield f"| {row.name} ({row.first.engine_version}) | {' | '.join(_cell(row, column) for column in shown)} |"


def _heading(column: MetricColumn) -> str:
    return " ".join(column.heading.split())


def _cell(row: Row, column: MetricColumn) -> str:
    """median [low, high], in brackets where that says less than it seems to."""
    between = row.interval(column.metric)
    text = column.show(row.value(column.metric))
    if between is not None:
        text += f" [{column.show(between[0])}, {column.show(between[1])}]"
    return f"({text})" if row.bracketed(column.metric) else text


def _sentences(comparison: Comparison) -> Iterator[str]:
    yield from summary.headline(comparison)
    for row in comparison.ran:
        yield from (f"- {row.name}: {note}" for note in row.notes)


def keep(run: RunResult, stored: bytes, folder: Path) -> None:
    (folder / f"{NAME}.json.xz").write_bytes(lzma.compress(stored, preset=9))
    (folder / f"{NAME}.md").write_text(page(run), encoding="utf-8")


def conducted(folder: Path) -> Path:
    """The result of a run that is made now. Raises RuntimeError if it leaves none."""
    command = [ROOT / "bench", "run", "quick", "--set", f"trials={INTERVAL_SAMPLES}", "--out", folder]
    subprocess.run(command, check=False, timeout=RUN_S)
    found = list(folder.glob("*/result.json"))
    if not found:
        raise RuntimeError("the run left no result")
    return found[0]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(sys.argv[1]) / "result.json" if len(sys.argv) > 1 else conducted(Path(folder))
        stored = path.read_bytes()
    run = RunResult.model_validate_json(stored)
    if (why := unfit(run)) is not None:
        print(f"nothing is kept: {why}")  # noqa: T201
        sys.exit(1)
    keep(run, stored, KEPT)
    print(page(run))  # noqa: T201


if __name__ == "__main__":
    main()
