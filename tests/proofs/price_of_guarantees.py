"""The table of what guarantees and commit intervals cost, that docs/results keeps: made by hand, and not by CI.

    ./bench run price-of-guarantees              on a quiet machine, more than an hour
    python -m tests.proofs.price_of_guarantees RUN

Writes docs/results/price-of-guarantees.json.xz, the run's result, and docs/results/price-of-guarantees.md, its table.
Ends with 1 and writes nothing if a case that ran did not pass.
"""

from __future__ import annotations

import lzma
import sys
from collections.abc import Iterator
from pathlib import Path

from reports import units
from reports.comparison import Comparison, compare, words
from reports.markdown import table
from reports.sections.price import METRICS, priced
from results.metrics.foreign import FOREIGN
from results.result import RunResult

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "docs" / "results"
NAME = "price-of-guarantees"

_INTRO = (
    "One trial each, so that a difference of some 20 % is no finding. 5,000 events a second, windows of a second. "
    "*Until append* (p50) is the engine's part of the latency; what is left of p50 waits for the commit. At 10 s "
    "there are three commits in what is measured. Busy cores are of all the engine's processes. A figure in "
    "brackets says less than it seems to, for the reason below. A guarantee that an engine does not have is left "
    "out. *Exact* was seen without a fault, so a weak guarantee can be, too."
)


def unfit(run: RunResult) -> str | None:
    """Why a run makes no table that is worth keeping, or None if it does."""
    for comparison in compare(run):
        for row in comparison.ran:
            if row.outcome != "pass":
                return f"{row.name}: {row.outcome}: {'; '.join(row.reasons)}"
    return None if list(priced(compare(run))) else "it has one guarantee at one commit interval"


def page(run: RunResult) -> str:
    """The table of a run in Markdown, and why figures of it stand in brackets."""
    comparisons = compare(run)
    lines = ["# What guarantees and commit intervals cost", ""]
    if run.machine is not None:
        paced = [case.metrics for case in run.cases if case.phase == "paced"]
        shares = sorted(metrics[FOREIGN.name].value for metrics in paced if FOREIGN.name in metrics)
        others = f"other work took {shares[0]:.1f} to {shares[-1]:.1f} % of the CPU time" if shares else ""
        made = f"method version {run.method_version}; made by `tests/proofs/{NAME.replace('-', '_')}.py`"
        lines += [f"{'; '.join(part for part in (units.machine(run.machine), others, made) if part)}.", ""]
    lines += [_INTRO]
    for each in priced(comparisons):
        head = [heading.text for heading in each.headings]
        rows = [[cell if isinstance(cell, str) else cell.text for cell in row.cells] for row in each.full_rows]
        lines += ["", f"## {each.caption}", "", *table(head, rows)]
    doubts = [line for comparison in comparisons for line in _doubts(comparison)]
    return "\n".join([*lines, *(["", *doubts] if doubts else [])]) + "\n"


def _doubts(comparison: Comparison) -> Iterator[str]:
    """Why figures of the table stand in brackets, a line for each row."""
    for row in comparison.ran:
        found = [value.bracketed for metric in METRICS if (value := row.measured(metric)) is not None]
        whys = dict.fromkeys(why for each in found for why in each)
        if whys and row.asked is not None:
            every = units.milliseconds(row.asked.interval_ms)
            yield f"- {row.name}, {comparison.guarantee}, commits every {every}: {words(whys)}"


def keep(run: RunResult, stored: bytes, folder: Path) -> None:
    (folder / f"{NAME}.json.xz").write_bytes(lzma.compress(stored, preset=9))
    (folder / f"{NAME}.md").write_text(page(run), encoding="utf-8")


def main() -> None:
    stored = (Path(sys.argv[1]) / "result.json").read_bytes()
    run = RunResult.model_validate_json(stored)
    if (why := unfit(run)) is not None:
        print(f"nothing is kept: {why}")  # noqa: T201
        sys.exit(1)
    keep(run, stored, KEPT)
    print(page(run))  # noqa: T201


if __name__ == "__main__":
    main()
