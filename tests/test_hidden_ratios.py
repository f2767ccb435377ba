"""What the proof of hidden ratios prints of a run: its brackets stay."""

from __future__ import annotations

from results.result import MetricValue
from tests.proofs.hidden_ratios import line


def figure(value: float, *bracketed: str) -> MetricValue:
    return MetricValue(value=value, unit="events/CPU-s", better="higher", bracketed=list(bracketed))


def test_a_ratio_of_two_figures_that_are_believed_has_no_brackets() -> None:
    assert line("flink", {"a.b": "1"}, figure(240_000), figure(200_000)) == "1.20 x  240,000 events/CPU-s  flink: a.b=1"


def test_a_figure_in_brackets_keeps_them_with_its_reason_and_so_does_the_ratio() -> None:
    told = line("flink", {}, figure(240_000, "it was still warming up"), figure(200_000))
    assert told == "(1.20 x)  (240,000 events/CPU-s)  flink: as we set it: it was still warming up"


def test_a_ratio_to_a_figure_in_brackets_stands_in_brackets() -> None:
    assert line("spark", {"a": "b"}, figure(3), figure(2, "cold")) == "(1.50 x)  3 events/CPU-s  spark: a=b"
