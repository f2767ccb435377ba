"""The words of a gate's table, the same wherever it is shown."""

from __future__ import annotations

from collections.abc import Iterator

from reports import units
from results.gate.gate_result import FigureResult, GateResult, GateSide, StageResult
from results.gate.gated import BY_NAME

HEADINGS = ("case", "figure", "baseline", "candidate", "change", "limit", "verdict")

SIGNS = {
    "pass": "✓ pass",
    "regression": "✗ regression",
    "accepted": "accepted",
    "inconclusive": "inconclusive",
    "not compared": "not compared",
}


def rows(result: GateResult) -> list[tuple[str, ...]]:
    """A row a figure, under HEADINGS."""
    return [_row(each) for each in result.figures]


def _row(figure: FigureResult) -> tuple[str, ...]:
    last = figure.decision or figure.screen
    return (
        figure.case,
        BY_NAME[figure.metric].title if figure.metric in BY_NAME else figure.metric,
        units.quantity(figure.old, figure.unit),
        units.quantity(figure.new, figure.unit),
        units.NONE if last is None else change(last, figure),
        f"{100 * figure.limit:.0f} %",
        SIGNS[figure.verdict],
    )


def change(stage: StageResult, figure: FigureResult) -> str:
    """As it moved: -12.3 % of a rate that fell, +12.3 % of a latency that rose."""
    moved = stage.change if figure.better == "lower" else -stage.change
    return f"{100 * moved:+.1f} %"


def side(each: GateSide) -> str:
    """A side in words."""
    revision = f" ({each.commit[:12]})" if each.commit and each.commit != each.name else ""
    return f"{each.name}{revision}{', with changes that are not committed' if each.dirty else ''}"


def told(result: GateResult) -> Iterator[str]:
    """What stands under the table, each in a line."""
    for wrong in result.wrong:
        kept = f" (kept in {wrong.kept})" if wrong.kept else ""
        yield f"{wrong.case}, {wrong.side}: {wrong.outcome}: {wrong.reason}{kept}"
    for figure in result.figures:
        if figure.verdict != "pass" or figure.decision is not None:
            title = BY_NAME[figure.metric].title if figure.metric in BY_NAME else figure.metric
            yield f"{figure.case}, {title}: {figure.why}{_stages(figure)}"
    floors = [figure.floor for figure in result.figures if figure.floor is not None]
    if floors:
        least, most = (100 * each for each in (min(floors), max(floors)))
        yield f"Floor: by how much trials of one side differ, changes below {least:.1f} to {most:.1f} % cannot be seen."
    if result.control is not None:
        found = result.control
        yield (
            f"Control ({found.what}, which no change of an engine touches): {found.baseline_s:.3f} s of CPU before the "
            f"baseline's trials and {found.candidate_s:.3f} s before the candidate's ({100 * found.drift:+.1f} %); "
            f"{100 * found.trend:+.1f} % from the first half of the session to the second."
        )
    yield from result.notices


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


def _stages(figure: FigureResult) -> str:
    if figure.screen is None or figure.decision is None:
        return ""
    screen, fresh = figure.screen, figure.decision
    return (
        f" (screen: {change(screen, figure)} in {screen.pairs} pairs; "
        f"then {change(fresh, figure)} in {fresh.pairs} fresh ones, p {_p(fresh.p)})"
    )
