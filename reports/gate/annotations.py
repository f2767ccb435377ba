"""A gate's result as workflow commands of GitHub Actions, which show it at a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from reports.gate import gate_table
from results.gate.gate_result import GateResult
from results.gate.gated import BY_NAME
from results.printable import printable

_LEVELS = {"regression": "error", "accepted": "notice", "inconclusive": "warning", "not compared": "warning"}


def lines(result: GateResult) -> Iterator[str]:
    """One of the whole, then one for each trial that was wrong and for each figure that did not pass."""
    level = {"pass": "notice", "first": "notice", "inconclusive": "warning"}.get(result.verdict, "error")
    yield _command(level, "gate", result.summary)
    for wrong in result.wrong:
        severe = "error" if wrong.side == "candidate" else "warning"
        yield _command(severe, f"{wrong.case} ({wrong.side})", f"{wrong.outcome}: {wrong.reason}")
    for figure in result.figures:
        if figure.verdict in _LEVELS:
            title = BY_NAME[figure.metric].title if figure.metric in BY_NAME else figure.metric
            last = figure.decision or figure.screen
            moved = f" ({gate_table.change(last, figure)})" if last is not None else ""
            yield _command(_LEVELS[figure.verdict], f"{figure.case}: {title}", f"{figure.verdict}: {figure.why}{moved}")


def _command(level: str, title: str, message: str) -> str:
    """Escaped as the runner unescapes it (actions/toolkit, command.ts): no text begins another command."""
    return f"::{level} title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    return printable(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
