"""The figures of a report: each a chart with its numbers as a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from reports import units, vega
from reports.blocks import Figure
from reports.comparison import Comparison, Row, words
from results.metrics import drain, drain_cpu, latency
from results.metrics.memory import ROLE_PEAKS
from results.metrics.metric import Metric
from results.result import ProbeResult, StrikeResult

_TABLED = (50.0, 90.0, 95.0, 99.0, 99.9)


def figures(comparison: Comparison) -> list[Figure]:
    """What there is to draw of a comparison."""
    drawn = (
        _drain(comparison),
        _cpu(comparison),
        *(_percentile(comparison, suffix) for suffix in ("p50", "p99") if any(row.repeated for row in comparison.ran)),
        _latency(comparison),
        _offered(comparison),
        _timeline(comparison),
        _memory(comparison),
    )
    return [figure for figure in drawn if figure is not None]


def _drain(comparison: Comparison) -> Figure | None:
    return _bars(
        comparison,
        "Drain rate",
        "Events per second while a warm, idle engine works off a backlog. Longer is better.",
        drain.RATE,
        lambda value: units.scaled(value, "/s"),
    )


def _cpu(comparison: Comparison) -> Figure | None:
    return _bars(
        comparison,
        "Events per CPU-second",
        "Events drained for each second of CPU that the engine's processes took. Longer is better.",
        drain_cpu.EVENTS_PER_SECOND,
        lambda value: units.scaled(value, ""),
    )


def _percentile(comparison: Comparison, suffix: str) -> Figure | None:
    """Of several trials, whose curves lie over each other."""
    return _bars(
        comparison,
        f"Result latency, {suffix}",
        "How long until a result could be read. Shorter is better.",
        latency.RESULT[suffix],
        units.milliseconds,
    )


def _bars(comparison: Comparison, title: str, hint: str, metric: Metric, show: Callable[[float], str]) -> Figure | None:
    measured = [(row, value) for row in comparison.ran if (value := row.value(metric)) is not None]
    if not measured:
        return None
    measured.sort(key=lambda pair: -pair[1])
    bars = [
        vega.Bar(
            row.name,
            value,
            _marked(row, _in_brackets(row, metric, show(value))),
            not row.suspect,
            _dots(row, metric),
            row.interval(metric),
        )
        for row, value in measured
    ]
    several = any(bar.dots for bar in bars)
    return Figure(
        title,
        hint
        + (
            " A bar is the median over trials, each trial is a dot, and the line is the median's interval."
            if several
            else ""
        ),
        vega.bars(
            bars, _names(comparison), title.lower(), f"{title}: {'; '.join(f'{b.name} {b.label}' for b in bars)}"
        ),
        ["engine", title.lower(), *(["interval of the median", "trials"] if several else [])],
        [[bar.name, bar.label, *(_spread(bar, show) if several else [])] for bar in bars],
    )


def _dots(row: Row, metric: Metric) -> list[tuple[str, float]]:
    """Each trial of several that has the metric."""
    if not row.repeated:
        return []
    trials = [(str(trial.first.trial_number), trial.value(metric)) for trial in row.trials]
    return [(number, value) for number, value in trials if value is not None]


def _spread(bar: vega.Bar, show: Callable[[float], str]) -> list[str]:
    """The interval of a bar, and its trials, as texts."""
    interval = f"{show(bar.interval[0])} to {show(bar.interval[1])}" if bar.interval else units.NONE
    return [interval, ", ".join(show(value) for _, value in bar.dots)]


def _latency(comparison: Comparison) -> Figure | None:
    drawn = [(row, points) for row in _one_by_one(comparison) if (points := _points(row))]
    if not drawn:
        return None
    at = [percent for percent in _TABLED if any(percent in dict(points) for _, points in drawn)]
    rows = []
    for row, points in drawn:
        known = dict(points)
        largest = row.value(latency.RESULT["max"])
        shown = (*(units.milliseconds(known.get(percent)) for percent in at), units.milliseconds(largest))
        rows.append([row.trial_name, *shown])
    curves = [
        vega.Curve(
            row.name,
            [(min(percent / 100, deepest), value) for percent, value in points],
            not row.suspect,
            str(row.first.trial_number or ""),
        )
        for row, points in drawn
        for deepest in [_deepest(row, points)]
    ]
    names = dict.fromkeys(row.name for row, _ in drawn)
    return Figure(
        "Result latency by share of results",
        "How long until a result could be read, for the share of results that were at least as fast. "
        "Lower is better; both axes are logarithmic, and to the right each step has a tenth of the results left.",
        vega.curves(curves, _names(comparison), f"Result latency percentiles of {', '.join(names)}"),
        ["engine", *(f"p{percent:g}" for percent in at), "max"],
        rows,
        full=True,
    )


def _one_by_one(comparison: Comparison) -> list[Row]:
    """Each trial of each engine that ran."""
    return [trial for row in comparison.ran for trial in row.trials]


def _offered(comparison: Comparison) -> Figure | None:
    """The hockey stick: how latency goes up where an engine no longer keeps up with the load."""
    drawn, table = [], []
    for row in comparison.ran:
        tried = sorted((each for each in row.probes if each.p99_ms is not None), key=lambda each: each.rate)
        if tried:
            points = [(each.rate, each.p99_ms or 0.0) for each in tried]
            lost = frozenset(each.rate for each in tried if each.outcome != "held")
            drawn.append(vega.Offered(row.name, points, lost))
            table += [_tabled(row, each) for each in tried]
    if not drawn:
        return None
    names = words(row.name for row in drawn)
    return Figure(
        "Latency over offered load",
        "p99 of result latency at each rate that was tried. A cross is a rate that was not held. Both axes are "
        "logarithmic.",
        vega.offered(drawn, _names(comparison), f"p99 of result latency over the offered load, of {names}"),
        ["engine", "offered", "outcome", "lag grew by", "p50", "p99", "cores"],
        table,
        full=True,
    )


def _tabled(row: Row, each: ProbeResult) -> list[str]:
    grew = units.NONE if each.lag_growth is None else f"{100 * each.lag_growth:.2f} %"
    values = (each.p50_ms, each.p99_ms)
    latencies = [units.bracketed(units.milliseconds(value), each.latencies_doubtful) for value in values]
    cores = units.quantity(each.cores, "cores")
    return [row.name, units.scaled(each.rate, "/s"), each.outcome, grew, *latencies, cores]


def _timeline(comparison: Comparison) -> Figure | None:
    """Where strikes fell. Without them the latency by second says no more than its percentiles."""
    lines = []
    for row in _one_by_one(comparison):
        series, fell = row.series(latency.LARGEST_BY_SECOND), _fell(row)
        if series and fell:
            strikes = [(second, strike.detail) for second, strike in fell]
            lines.append(vega.Timeline(row.trial_name, list(zip(series.x, series.y, strict=True)), strikes))
    if not lines:
        return None
    # A trial of several has a panel, and so a name, of its own.
    names = list(dict.fromkeys((*_names(comparison), *(line.name for line in lines))))
    return Figure(
        "Largest latency of each second, and where strikes fell",
        "The longest that a result of each second took until it could be read; dashed lines are strikes. A result "
        "counts in the second in which it was due: what a strike holds up was due a little before it. The axis of "
        "latency is logarithmic.",
        vega.timelines(lines, names, f"Latency by second of {', '.join(line.name for line in lines)}"),
        ["engine", "second", "what was done", "largest latency from then until the next strike"],
        [
            [row.trial_name, units.significant(second), strike.detail, units.milliseconds(strike.max_latency_ms)]
            for row in _one_by_one(comparison)
            for second, strike in _fell(row)
        ],
        full=True,
    )


def _fell(row: Row) -> list[tuple[float, StrikeResult]]:
    """Strikes that were injected, each with its second after warm-up, as the latency by second counts."""
    warmup_s = row.asked.paced.warmup_s if row.asked and row.asked.paced else 0.0
    return [(strike.at_s - warmup_s, strike) for strike in row.strikes if strike.at_s is not None]


def _points(row: Row) -> list[tuple[float, float]]:
    """(percent, ms), ascending."""
    series = row.series(latency.CURVE)
    return list(zip(series.x, series.y, strict=True)) if series else []


def _deepest(row: Row, points: Sequence[tuple[float, float]]) -> float:
    """Where the largest of n results stands on an axis of nines, which has no place for 100 %: at 1 - 1/n."""
    largest = row.measured(latency.RESULT["max"])
    last = max((percent for percent, _ in points if percent < 100), default=0.0) / 100
    return max(last, 1 - 1 / largest.n) if largest and largest.n else last


def _memory(comparison: Comparison) -> Figure | None:
    parts = list(_memory_parts(comparison))
    if not parts:
        return None
    roles = [role for role in ROLE_PEAKS if any(part.part == role for part in parts)]
    return Figure(
        "Peak memory by role",
        "The most that the processes of each role took at once (proportional set size), in MiB. Shorter is better.",
        vega.stacks(
            parts,
            [row.name for row in comparison.ran],
            roles,
            "MiB",
            f"Peak memory by role: {'; '.join(f'{p.name} {p.part} {p.label}' for p in parts)}",
        ),
        ["engine", *roles],
        [
            [name, *(next((p.label for p in parts if (p.name, p.part) == (name, role)), units.NONE) for role in roles)]
            for name in dict.fromkeys(part.name for part in parts)
        ],
        full=True,
    )


def _memory_parts(comparison: Comparison) -> Iterator[vega.Part]:
    for row in comparison.ran:
        for role, metric in ROLE_PEAKS.items():
            value = row.value(metric)
            if value is not None:
                yield vega.Part(row.name, role, value / 1024**2, units.size(value))


def _names(comparison: Comparison) -> list[str]:
    """All names of a comparison, so that an engine has the same colour in every chart."""
    return [row.name for row in comparison.rows]


def _in_brackets(row: Row, metric: Metric, text: str) -> str:
    return f"({text})" if row.bracketed(metric) else text


def _marked(row: Row, text: str) -> str:
    return f"✗ {text}" if row.suspect else text
