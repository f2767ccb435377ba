"""Reports say what a result holds, put the answer before the speed, and never trust a name."""

from __future__ import annotations

import base64
import gzip
import io
import re
from typing import Any

import pytest
from rich.console import Console

from reports import html, summary, terminal, units, vega
from reports.comparison import compare, words
from reports.figures import figures
from reports.sections import comparability
from results.plan import ForeignBroker
from results.result import CaseResult, Guarantee, MetricValue, Offence, RunResult, Series, StrikeResult, Verdict
from tests import made_up

HOSTILE = "<script>alert('x')</script>\"'&"


def printed(run: RunResult, width: int, terminal_like: bool = False) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=terminal_like, highlight=False)
    terminal.render(run, "runs/x", console)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


def of(*cases: list[CaseResult]) -> RunResult:
    return RunResult(run="r", suite="s", machine=made_up.MACHINE, cases=[case for pair in cases for case in pair])


WIDE = """
sensors on Kafka, exactly-once
Example CPU 9000 @ 2.50GHz, 2 cores, 24.0 GiB of memory, Java 17.0.15

                                                                          events/      peak  lost/dup/  delivery:
engine                       outcome     drain      p50      p99     max    CPU-s    memory      wrong  claimed → seen
────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
continuous                   pass      812 k/s  31.7 ms  64.0 ms  127 ms    508 k   190 MiB      0/0/0  exactly → exact
flink                        pass      262 k/s   588 ms   1.19 s  2.36 s    164 k  1.55 GiB      0/0/0  exactly → exact
kafka-client                 pass     31.0 k/s   851 ms   1.72 s  3.41 s   19.4 k   240 MiB      0/0/0  exactly → exact
kafka-streams                pass      240 k/s   696 ms   1.41 s  2.79 s    150 k   520 MiB      0/0/0  exactly → exact
(retention-1h)
micro-batch                  pass     1.52 M/s   495 ms   1.00 s  1.98 s    950 k   260 MiB      0/0/0  exactly → exact
spark (micro-batch)          pass      151 k/s   1.14 s   2.31 s  4.59 s   94.4 k  1.83 GiB      0/0/0  at least → exact

micro-batch: the backlog lasted 7.3 of the 10 commit intervals asked
spark (micro-batch): its Kafka sink is at-least-once
One trial each: speeds are orders of magnitude, and are not ranked. That takes five trials.
No fault was injected: what was seen of a guarantee holds for undisturbed operation only.

results  runs/x
report   streamgauge report runs/x"""

NARROW = """
sensors on Kafka, exactly-once
Example CPU 9000 @ 2.50GHz, 2 cores, 24.0 GiB of memory, Java 17.0.15

                              lost/dup/  delivery:
engine               outcome      wrong  claimed → seen
──────────────────────────────────────────────────────────────────────
continuous           pass         0/0/0  exactly-once → exact
flaky                ✗ wrong      0/2/6  exactly-once → at-least-once
spark (micro-batch)  ! pass      0/74/0  at-least-once → at-least-once
flink                unknown          -  exactly-once → unknown
kafka-client         not run          -  -
micro-batch          not run          -  -

                                                              events/       peak
engine               drain        p50        p99        max     CPU-s     memory
────────────────────────────────────────────────────────────────────────────────
continuous         812 k/s    31.7 ms    64.0 ms     127 ms     508 k    190 MiB
✗ flaky         (2.00 M/s)  (9.28 ms)  (18.7 ms)  (37.2 ms)  (1.25 M)  (150 MiB)
spark              151 k/s     1.14 s     2.31 s     4.59 s    94.4 k   1.83 GiB
(micro-batch)
flink                    -          -          -          -         -          -
"""


def test_the_table_of_six_engines_fits_120_columns() -> None:
    assert printed(made_up.six(), 120) == WIDE
    assert max(len(line) for line in WIDE.splitlines()) <= 120


def test_80_columns_show_the_answers_first_and_then_the_speeds() -> None:
    assert printed(made_up.mixed(), 80).startswith(NARROW)
    assert max(len(line) for line in NARROW.splitlines()) <= 80


def test_a_wrong_result_is_marked_before_its_speed_and_its_rows_are_listed() -> None:
    text = printed(made_up.mixed(), 120)
    (line,) = [line for line in text.splitlines() if line.startswith("flaky ")]
    assert line.index("✗ wrong") < line.index("(2.00 M/s)")
    listed = text[text.index("✗ flaky:") :]
    assert "4 x loss, 2 x duplicate, 2 x unexpected" in listed
    assert "key sensor-0007, window 00:53:20.000 to 00:53:21.000, id 12345: the audit sums" in listed
    assert "ids 1, 2, 3, 4, 5 and 35 more" in listed


def test_repeats_that_a_claim_allows_are_marked_as_such_and_no_error() -> None:
    text = printed(made_up.mixed(), 120)
    assert "! pass" in next(line for line in text.splitlines() if line.startswith("spark "))
    assert "! spark (micro-batch): 74 x duplicate, as is allowed by at-least-once delivery" in text


def test_what_did_not_run_or_could_not_be_judged_says_why_once() -> None:
    text = printed(made_up.mixed(), 120)
    assert text.count("flink: unknown: did not finish: worker ended by SIGKILL") == 1
    assert "kafka-client: not run, unavailable: no environment; streamgauge setup kafka-client" in text
    assert "micro-batch: not run, unsupported: needs Kafka; use --log kafka" in text


def test_plain_output_has_no_control_characters_and_a_terminal_has_colour() -> None:
    assert "\x1b" not in printed(made_up.mixed(), 120)
    assert "\x1b[" in printed(made_up.mixed(), 120, terminal_like=True)


def test_names_are_text_and_no_markup() -> None:
    text = printed(of(made_up.pair("[bold]x[/bold]", notes=["[red]y"])), 120)
    assert "[bold]x[/bold]" in text
    assert "[red]y" in text


def test_what_became_of_late_events_is_shown_with_the_engines_own_counter_and_only_where_there_are_some() -> None:
    counted = {"late_events": 40.0, "late_kept": 30.0, "late_dropped": 10.0, "engine_late": 4.0}
    metrics = {name: MetricValue(value=value, unit="events", better="none") for name, value in counted.items()}
    cases = [case.model_copy(update={"metrics": case.metrics | metrics}) for case in made_up.pair("flink")]
    run = of(cases, made_up.pair("continuous"))
    text, page = printed(run, 120), html.render(run, "streamgauge run")
    told = "80 late events, kept 60, dropped 20; its own counter says 4"
    assert f"flink: {told}" in text
    assert told in page
    assert "continuous: 0 late" not in text
    assert "Late events" not in html.render(of(made_up.pair("continuous")), "streamgauge run")


@pytest.mark.parametrize(
    ("named", "shown"),
    [
        (made_up.PAIR, "key page-7, left 4 right 9, ids 4, 9: no row"),
        (made_up.RANKED, "key page-7, window 00:53:20.000 to 00:53:21.000, rank 2, id 4: of item 3"),
        (made_up.FIRST, "first 17, id 4: id 4 is"),
    ],
)
def test_rows_of_every_shape_are_named(named: Offence, shown: str) -> None:
    changes: dict[str, Any] = {"outcome": "fail", "verdict": Verdict(match=9, wrong=1), "offences": [named]}
    run = of(made_up.pair("flaky", kinds={named.kind: 1}, **changes))
    assert shown in printed(run, 120)
    assert named.explanation in html.render(run, "streamgauge run")


def test_an_absent_metric_says_why() -> None:
    few = "only 3 distinct windows closed in the measured part, 20 are needed"
    paced, drain = made_up.pair("continuous")
    metrics = {name: metric for name, metric in paced.metrics.items() if not name.startswith("latency_p")}
    paced = paced.model_copy(update={"metrics": metrics, "absent": {"latency_p50": few, "latency_p99": few, "x": "y"}})
    text = printed(of([paced, drain]), 120)
    assert f"continuous: no latency_p50 and latency_p99: {few}" in text
    assert "no x" not in text


def test_a_run_in_which_nothing_ran_has_a_table_of_that() -> None:
    run = RunResult(run="r", suite="s", machine=None, cases=made_up.idle("flink", "unavailable", "no Java; install it"))
    text = printed(run, 80)
    assert "not run" in text
    assert "no Java; install it" in text
    assert "drain" not in text
    assert "Nothing could run here." in html.render(run, "streamgauge run")


def test_results_over_different_logs_are_never_in_one_comparison() -> None:
    run = of(made_up.pair("a"), made_up.pair("b", log="embedded"), made_up.pair("c"))
    assert [[row.engine for row in comparison.rows] for comparison in compare(run)] == [["a", "c"], ["b"]]
    assert any("must not be compared" in check.text for check in comparability.checks(run, compare(run)))


def test_an_engine_that_claims_less_stays_in_the_comparison() -> None:
    (comparison,) = compare(made_up.six())
    assert [row.engine for row in comparison.rows][-1] == "spark"
    assert comparison.rows[-1].claimed == "at-least-once"


@pytest.mark.parametrize(
    ("paced", "drain", "together"),
    [
        ("exact", "exact", "exact"),
        ("exact", "unknown", "unknown"),
        ("unknown", "at-least-once", "at-least-once"),
        ("at-most-once", "exact", "at-most-once"),
        ("at-most-once", "at-least-once", "broken"),
        ("exact", "broken", "broken"),
    ],
)
def test_delivery_seen_is_the_worst_of_both_phases(paced: Any, drain: Any, together: str) -> None:
    first, second = made_up.pair("a")
    first = first.model_copy(update={"delivery": Guarantee(claimed="exactly-once", seen=paced)})
    second = second.model_copy(update={"delivery": Guarantee(claimed="exactly-once", seen=drain)})
    assert compare(of([first, second]))[0].rows[0].seen == together


def test_the_headline_puts_rightness_before_speed() -> None:
    (right,), (mixed,) = compare(made_up.six()), compare(made_up.mixed())
    assert summary.headline(right) == [
        "All six engines were right: no result was lost, duplicate or wrong.",
        "One trial each: speeds are orders of magnitude, and are not ranked. That takes five trials.",
        "Exactly-once delivery was asked of all; spark (micro-batch) promises at-least-once only.",
    ]
    assert summary.headline(mixed)[:4] == [
        "One of four engines gave wrong results: flaky.",
        "What was wrong: flaky, 2 duplicate, 4 wrong and 2 unexpected.",
        "flink could not be judged.",
        "spark (micro-batch): 74 duplicate, as is allowed by the at-least-once delivery that it claims.",
    ]
    assert "flaky" not in " ".join(summary.headline(mixed)[4:])


def elsewhere(cases):
    """The same over another log, which is another table."""
    return [
        case.model_copy(update={"log": "embedded", "asked": case.asked.model_copy(update={"log": "embedded"})})
        for case in cases
    ]


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({}, "No result was lost, duplicate or wrong, in all 2 trials."),
        ({"outcome": "fail"}, "1 of 2 trials gave wrong results: a."),
        (
            {"outcome": "unknown"},
            "No result was lost, duplicate or wrong, as far as could be judged: 1 of 2 trials could not (a).",
        ),
    ],
)
def test_the_title_speaks_of_all_tables_and_not_of_the_first_only(changes, title) -> None:
    run = of([*made_up.pair("b"), *elsewhere(made_up.pair("a", **changes))])
    assert summary.title(compare(run)) == title
    page = html.render(run, "run")
    assert page.count("<h1>") == 1
    assert f"<h1>{title}</h1>" in page


def test_strikes_are_drawn_over_the_latency_of_each_second_and_listed_under_it() -> None:
    seconds = Series(name="latency max by second", x_label="second", y_label="ms", x=[0.0, 1.0, 2.0], y=[5, 900, 7])
    strike = StrikeResult(
        number=1, fault="kill-worker", aim="interval", detail="worker 7 is gone", state="confirmed", at_s=11.5,
        max_latency_ms=900,
    )  # fmt: skip
    paced, drain = made_up.pair("a")
    paced = paced.model_copy(update={"series": [*paced.series, seconds], "strikes": [strike]})
    (comparison,) = compare(of([paced, drain]))
    figure = next(figure for figure in figures(comparison) if "strikes" in figure.title)
    assert figure.rows == [["a", "1.50", "worker 7 is gone", "900 ms"]]
    values = figure.spec["data"]["values"]
    assert {"name": "a", "second": 1.5, "done": "worker 7 is gone"} in values
    assert len(values) == 4


def test_the_table_of_strikes_tells_processing_and_delivery_apart() -> None:
    strike = StrikeResult(number=1, fault="kill-worker", aim="interval", detail="gone", state="confirmed", exposed=True)
    weak, exact = (Guarantee(claimed="at-least-once", seen=seen) for seen in ("at-least-once", "exact"))
    paced, _ = made_up.pair("a", verdict=Verdict(match=3, wrong=7), kinds={"double count": 7}, processing=weak)
    paced = paced.model_copy(update={"strikes": [strike], "delivery": exact, "fault": "kill-worker"})
    run = of([paced])
    text = printed(run, 120)
    line = next(line for line in text.splitlines() if "1 of 1" in line)
    assert line.split("  ")[0].strip() == "a"
    assert "at least → at least  at least → exact" in line
    assert "0/0/7" in line
    page = html.render(run, "run")
    assert "at-least-once → at-least-once" in page
    assert "at-least-once → exact" in page


def test_a_broken_guarantee_without_wrong_rows_is_still_wrong() -> None:
    run = of(made_up.pair("a", outcome="fail", reason="broken", verdict=Verdict(match=3)))
    assert summary.headline(compare(run)[0])[0] == "a gave wrong results."
    assert "✗ wrong" in printed(run, 120)


# The HTML page.


def test_the_page_is_one_file_that_asks_for_nothing() -> None:
    page = html.render(made_up.six(), "streamgauge run quick")
    assert len(page.encode()) <= 3_000_000
    head = page[: page.index("<script>")]
    assert "default-src 'none'" in head
    assert not re.search(r"<(link|img|iframe|object|embed|base)\b", head)
    assert not re.search(r"\b(src|href)=\"(?!#)", head)
    assert not re.search(r"<script[^>]+src|@import|url\(", page[: page.index("</style>")])


def test_everything_that_comes_from_results_is_escaped() -> None:
    offence = made_up.LOST.model_copy(update={"key": HOSTILE, "explanation": HOSTILE})
    changes = {"outcome": "fail", "reason": HOSTILE, "offences": [offence], "notes": [HOSTILE], "claim_note": HOSTILE}
    broker = ForeignBroker(brokers=3, replication=2, settings={HOSTILE: HOSTILE}, cluster={HOSTILE: HOSTILE})
    changes["asked"] = made_up.plan(HOSTILE, broker=broker)
    run = of(made_up.pair(HOSTILE, settings={HOSTILE: HOSTILE}, engine_version=HOSTILE, mode=HOSTILE, **changes))
    run = run.model_copy(update={"run": HOSTILE, "suite": HOSTILE})
    page = html.render(run, HOSTILE)
    assert "<script>alert" not in page
    assert page.count("</script>") == page.count("<script") == 4
    assert "&lt;script&gt;alert" in page
    assert "not ours: a cluster of 3" in page
    assert "replication factor 2" in page


def test_the_results_can_be_taken_out_of_the_page_unchanged() -> None:
    run = made_up.mixed()
    page = html.render(run, "streamgauge run quick")
    embedded = re.search(r'<script type="application/gzip" id="results-json-gz">(.*?)</script>', page, re.DOTALL)
    assert embedded
    assert RunResult.model_validate_json(gzip.decompress(base64.b64decode(embedded[1]))) == run


def test_every_chart_has_its_numbers_as_a_table_under_it() -> None:
    (comparison,) = compare(made_up.six())
    drawn = figures(comparison)
    assert [figure.title for figure in drawn] == [
        "Drain rate",
        "Events per CPU-second",
        "Result latency by share of results",
        "Peak memory by role",
    ]
    assert drawn[0].rows[0] == ["micro-batch", "1.52 M/s"]
    assert ["flink", "588 ms", "798 ms", "907 ms", "1.19 s", "1.64 s", "2.36 s"] in drawn[2].rows
    assert ["flink", "980 MiB", "610 MiB"] in drawn[3].rows
    page = html.render(made_up.six(), "streamgauge run quick")
    assert page.count("<figure") == page.count("<details><summary>Numbers") == len(drawn)


def test_the_page_says_how_to_run_it_again() -> None:
    assert 'id="command">streamgauge run quick --seed 3 &amp;&amp; x</pre>' in html.render(
        made_up.six(), "streamgauge run quick --seed 3 && x"
    )


def test_wrong_results_are_drawn_pale_and_marked() -> None:
    drain = figures(compare(made_up.mixed())[0])[0]
    values = drain.spec["data"]["values"]
    assert (values[0]["name"], values[0]["label"], values[0]["sound"]) == ("flaky", "✗ 2.00 M/s", False)


def test_names_appear_in_data_only_and_never_in_an_expression() -> None:
    signal = "'+datum+'"
    spec = vega.curves([vega.Curve(signal, [(0.5, 1.0), (0.9, 2.0)])], [signal], "d")
    expressions = [value for key, value in _leaves(spec) if "expr" in key.lower() or key == "signal"]
    assert expressions
    assert not any(signal in str(value) for value in expressions)


def _leaves(value: Any, key: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [leaf for name, inner in value.items() for leaf in _leaves(inner, name)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in _leaves(inner, key)]
    return [(key, value)]


def test_the_largest_latency_has_a_place_on_an_axis_of_nines() -> None:
    (comparison,) = compare(of(made_up.pair("a")))
    latency = next(figure for figure in figures(comparison) if "latency" in figure.title)
    shares = [value["nines"] for value in latency.spec["data"]["values"]]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(4.398, abs=0.001)  # 1 of 25,000


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (units.scaled(812_345, "/s"), "812 k/s"),
        (units.scaled(999.6, "/s"), "1.00 k/s"),
        (units.scaled(999_600, ""), "1.00 M"),
        (units.scaled(12.3456, "/s"), "12.3 /s"),
        (units.scaled(1_520_000, "events/s"), "1.52 M events/s"),
        (units.scaled(None, "/s"), "-"),
        (units.milliseconds(0.01234), "0.0123 ms"),
        (units.milliseconds(999.4), "999 ms"),
        (units.milliseconds(999.6), "1.00 s"),
        (units.milliseconds(0), "0 ms"),
        (units.milliseconds(-12.5), "-12.5 ms"),
        (units.size(1023.9 * 1024**2), "1.00 GiB"),
        (units.size(262_144_000), "250 MiB"),
        (units.quantity(0.5, "cores"), "0.500 cores"),
        (units.quantity(2048 * 1024**2, "bytes"), "2.00 GiB"),
        (units.significant(1_234_567), "1,230,000"),
    ],
)
def test_numbers_have_three_digits_and_a_unit(shown: str, expected: str) -> None:
    assert shown == expected


def test_lists_read_as_english() -> None:
    assert [words([]), words(["a"]), words(["a", "b"]), words("abc")] == ["", "a", "a and b", "a, b and c"]
