"""The script that makes the kept table of guarantees: of a run that is worth it, and of no other."""

from __future__ import annotations

import lzma
from pathlib import Path

from results.result import CaseResult, MetricValue
from tests import made_up
from tests.proofs import price_of_guarantees
from tests.test_rate_report import at_interval
from tests.test_reports import of

WHY = "beside the measured part other work took 9 % of the CPU time"


def doubted() -> list[CaseResult]:
    """At-least-once, beside which others worked."""
    return [
        case.model_copy(
            update={
                "metrics": {name: value.model_copy(update={"bracketed": [WHY]}) for name, value in case.metrics.items()}
            }
        )
        for case in at_interval(None, "at-least-once")
    ]


def test_the_table_has_a_row_for_each_guarantee_and_interval_with_its_brackets_and_their_reasons() -> None:
    run = of(at_interval(None, "exactly-once"), at_interval(100, "exactly-once"), doubted())
    lines = price_of_guarantees.page(run).splitlines()
    rows = [line.split(" | ") for line in lines if line.startswith("| flink ")]
    assert [row[1:3] for row in rows] == [
        ["at-least-once", "1.00 s"],
        ["exactly-once", "100 ms"],
        ["exactly-once", "1.00 s"],
    ]
    assert rows[0][3].startswith("(")
    assert not rows[1][3].startswith("(")
    assert lines[-1].endswith(f"at-least-once, commits every 1.00 s: {WHY}")


def test_what_is_kept_is_the_result_and_its_table(tmp_path: Path) -> None:
    run = of(at_interval(None, "exactly-once"), at_interval(100, "exactly-once"))
    assert price_of_guarantees.unfit(run) is None
    price_of_guarantees.keep(run, stored := run.model_dump_json().encode(), tmp_path)
    assert lzma.decompress((tmp_path / "price-of-guarantees.json.xz").read_bytes()) == stored
    assert (tmp_path / "price-of-guarantees.md").read_text() == price_of_guarantees.page(run)


def test_a_run_that_has_no_price_or_did_not_pass_is_not_kept() -> None:
    assert "one guarantee" in (price_of_guarantees.unfit(of(at_interval(None, "exactly-once"))) or "")
    failed = [case.model_copy(update={"outcome": "fail"}) for case in at_interval(100, "exactly-once")]
    assert "fail" in (price_of_guarantees.unfit(of(at_interval(None, "exactly-once"), failed)) or "")


def test_what_other_work_took_stands_above_the_table() -> None:
    share = {"foreign_share": MetricValue(value=1.85, unit="%", better="none")}
    cases = [case.model_copy(update={"metrics": case.metrics | share}) for case in at_interval(100, "exactly-once")]
    page = price_of_guarantees.page(of(at_interval(None, "exactly-once"), cases, made_up.pair("micro-batch")))
    assert "other work took 1.9 to 1.9 % of the CPU time" in page or "other work took 1.8 to 1.8 %" in page
