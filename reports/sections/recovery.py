"""What strikes did to the engines of a comparison, and how they came back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.table import Table as TerminalTable
from rich.text import Text

from reports import screen, units
from reports.comparison import VIOLATIONS, Comparison, Row
from reports.elements import Details, Element, Hint, Table
from reports.labels import labels
from reports.recovery_text import NEVER_LEFT, recovered
from reports.sections.section import PagePart, Report, Section, TerminalPart
from results.metrics.recovery import CAUGHT_UP, FIRST_OUTPUT, LOST_SERVICE
from results.result import MetricValue, StrikeResult

_HEAD = (
    "engine",
    "processing:\nclaimed → seen",
    "delivery:\nclaimed → seen",
    "exposed\nof tried",
    "lost/dup/wrong",
    "first output",
    "caught up\n(strikes)",
    "fault",
    "time-outs",
)
_SHOWN = 7
"""So many columns are left where the title has said the fault and the time-outs."""
_STRIKES_HEAD = (
    "engine",
    "strike",
    "worker",
    "aim",
    "what was done",
    "exposed",
    "noticed",
    "healed",
    "first output",
    "caught up",
    "largest latency",
    "lost service",
    "cores",
    "peak RSS",
    "rows again",
    "aborted copies",
)

_Cells = tuple[str, ...]


def _page(report: Report) -> Iterator[Element]:
    told = [
        (label, rows, list(_strikes(comparison)))
        for label, comparison in zip(labels(report.comparisons), report.comparisons, strict=True)
        if (rows := list(_recoveries(comparison, {})))
    ]
    if not told:
        return
    yield Hint(
        "A strike is exposed if something was at stake that a weaker guarantee would have lost or repeated; without "
        "one, or without one on each worker where these are struck in turn, the guarantee is untested. Seconds count "
        "from the injection: median [95 % interval; of fewer than five strikes, the range]."
    )
    for label, rows, strikes in told:
        title = f"What strikes did: {label}" if label else "What strikes did"
        # The title says which fault it is where there are several.
        shown = len(_HEAD) if not label else _SHOWN
        table = Table(title, [heading.replace("\n", " ") for heading in _HEAD[:shown]], [row[:shown] for row in rows])
        each = f"Every strike: {label}" if label else "Every strike"
        every = Details(f"{each} ({len(strikes)})", (Table(each, _STRIKES_HEAD, strikes),))
        yield from (Details(title, (table, every)),) if len(report.comparisons) > 1 else (table, every)


def _terminal(comparison: Comparison, width: int) -> Iterator[TerminalTable]:
    """One table or, where there is no room for it, several."""
    rows = [[Text(cell) for cell in row[:_SHOWN]] for row in _recoveries(comparison, screen.SHORT)]
    if rows:
        # The title over the tables has said which fault it is, and with which time-outs. Guarantees and counts stay
        # whole; intervals may take a second line.
        yield from screen.tables(_HEAD[:_SHOWN], rows, width, left=range(_SHOWN), breakable=(5, 6))


def _recoveries(comparison: Comparison, short: Mapping[str, str]) -> Iterator[_Cells]:
    """A row of _HEAD for each engine that strikes were tried on. short: for the guarantees' names."""
    for row in comparison.ran:
        if not row.strikes:
            continue
        counts = row.counts
        lost, again = (counts[name] for name in VIOLATIONS[:2])
        wrong = sum(counts[name] for name in VIOLATIONS[2:])
        yield (
            row.name,
            row.processing_in_words(short),
            row.delivery_in_words(short),
            f"{sum(strike.exposed for strike in row.strikes)} of {len(row.strikes)}",
            f"{lost:,}/{again:,}/{wrong:,}" if any(counts.values()) else units.NONE,
            _median(row.measured(FIRST_OUTPUT)),
            _caught_up(row),
            comparison.fault,
            comparison.timeouts or units.NONE,
        )


def _strikes(comparison: Comparison) -> Iterator[_Cells]:
    """A row of _STRIKES_HEAD for each strike."""
    for row in (trial for engine in comparison.ran for trial in engine.trials):
        for strike in row.strikes:
            yield (
                row.trial_name,
                str(strike.number),
                units.NONE if strike.slot is None else str(strike.slot),
                strike.aim or units.NONE,
                strike.detail if strike.state == "confirmed" else f"{strike.state}: {strike.detail}".rstrip(": "),
                "yes" if strike.exposed else "no",
                _seconds(strike.detected_s),
                _seconds(strike.healed_s),
                _seconds(strike.first_output_s),
                _strike_caught_up(strike),
                units.milliseconds(strike.max_latency_ms),
                _seconds(strike.lost_service_s),
                units.quantity(strike.cores, ""),
                units.quantity(strike.memory_bytes, "bytes"),
                units.NONE if strike.repeated is None else f"{strike.repeated:,}",
                units.NONE if strike.aborted_copies is None else f"{strike.aborted_copies:,}",
            )


def _caught_up(row: Row) -> str:
    metric = row.measured(CAUGHT_UP)
    injected = [strike for strike in row.strikes if strike.at_s is not None]
    watched = [strike.watched_s for strike in injected if strike.watched_s is not None]
    if metric is not None:
        median = _median(metric) if metric.value or metric.high else _bracketed(metric, NEVER_LEFT)
        back, _ = recovered(row) or (metric.n, 0)
        return f"{median} ({back} of {len(injected)})"
    # Where nothing could be measured, nothing is said of recovery.
    if not watched or row.measured(LOST_SERVICE) is None:
        return units.NONE
    return f"not within {_seconds(max(watched))} (0 of {len(injected)})"


def _strike_caught_up(strike: StrikeResult) -> str:
    if strike.caught_up_s is None and strike.lost_service_s is not None:
        return f"not within {_seconds(strike.watched_s)}"
    return NEVER_LEFT if strike.caught_up_s == 0 else _seconds(strike.caught_up_s)


def _median(metric: MetricValue | None) -> str:
    if metric is None:
        return units.NONE
    if metric.low is None or metric.high is None:
        return _bracketed(metric, _seconds(metric.value))
    interval = f"[{units.significant(metric.low)} to {units.significant(metric.high)}]"
    return _bracketed(metric, f"{_seconds(metric.value)} {interval}")


def _bracketed(metric: MetricValue, text: str) -> str:
    """In brackets where it says less than it seems to."""
    return f"({text})" if metric.bracketed else text


def _seconds(value: float | None) -> str:
    return units.quantity(value, "s")


section = Section(
    "recovery",
    page=PagePart("Faults and recovery", 20, _page, short_title="Faults"),
    terminal=TerminalPart(20, _terminal),
)
