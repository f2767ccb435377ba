"""What a run says while it runs: live lines on a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Protocol, Self

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    Task,
    TaskID,
    TextColumn,
    TransferSpeedColumn,
)
from rich.progress_bar import ProgressBar
from rich.text import Text

from harness.countdown import Countdown
from results.printable import printable

_REFRESHES_PER_S = 4
"""Drawing takes CPU from what is being measured."""


class Display(Protocol):
    """Is told what a run is doing."""

    def expect(self, expected_s: Mapping[str, float]) -> None:
        """The cases that are to run, in their order, and about how many seconds each takes."""
        ...

    def step(self, case: str, text: str) -> None: ...

    def progress(self, case: str, phase: str, done: float, total: float, text: str) -> None: ...

    def finished(self, case: str, outcome_text: str) -> None: ...

    def warn(self, text: str) -> None:
        """What must be said, whatever else is."""
        ...


class Silent:
    """Says nothing but warnings. A `Display` that is entered before a run and left after it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def expect(self, expected_s: Mapping[str, float]) -> None:
        pass

    def step(self, case: str, text: str) -> None:
        pass

    def progress(self, case: str, phase: str, done: float, total: float, text: str) -> None:
        pass

    def finished(self, case: str, outcome_text: str) -> None:
        pass

    def warn(self, text: str) -> None:
        sys.stderr.write(f"{printable(text)}\n")


class Plain(Silent):
    """A line each time that something else begins."""

    def __init__(self, console: Console) -> None:
        self._console, self._last = console, ("", "")
        self._countdown = Countdown({})

    def expect(self, expected_s: Mapping[str, float]) -> None:
        self._countdown = Countdown(expected_s)

    def step(self, case: str, text: str) -> None:
        if (case, text) != self._last:
            self._countdown.begins(case)
            # Once for each case: a log of lines is long enough.
            far = self._countdown.text(case) if case != self._last[0] else ""
            self._last = (case, text)
            self._say(f"{case}: {text}{f' ({far})' if far else ''}")

    def progress(self, case: str, phase: str, done: float, total: float, text: str) -> None:  # noqa: ARG002
        self.step(case, f"{phase}: {text}")

    def finished(self, case: str, outcome_text: str) -> None:
        self._countdown.ends(case)
        if (case, outcome_text) != self._last:
            self._last = (case, outcome_text)
            self._say(f"{case}: {outcome_text}")

    def _say(self, line: str) -> None:
        self._console.print(printable(line), markup=False, highlight=False, soft_wrap=True)


_BAR_COLUMNS = 18
_INDENT = (0, 0, 0, 2)


class _ShortLines(Progress):
    """How far the run is, which case runs, and what it does: a line each, so that 60 columns are enough."""

    def get_renderables(self) -> Iterable[RenderableType]:
        for task in self.tasks:
            far, clock = task.fields["far"], str(timedelta(seconds=int(task.elapsed or 0)))
            yield Text(f"  {clock}  {far}", "dim", no_wrap=True, overflow="ellipsis")
            yield Padding(Text(task.fields["case"], "bold", overflow="fold"), _INDENT)
            yield Text(f"  {task.description}", no_wrap=True, overflow="ellipsis")
            yield _bar(task)


def _bar(task: Task) -> RenderableType:
    """Moves where it is not known how much there is to do."""
    total: float | None = task.fields["of"]
    bar = ProgressBar(
        total=total or 1.0,
        completed=task.fields["done"],
        width=_BAR_COLUMNS,
        pulse=total is None,
        animation_time=task.get_time(),
    )
    return Padding(bar, _INDENT)


class Live(Silent):
    """A few lines for the case that runs, redrawn in place; a line that stays for each that is finished."""

    def __init__(self, console: Console) -> None:
        self._bar = _ShortLines(console=console, transient=True, refresh_per_second=_REFRESHES_PER_S)
        self._console = console
        self._tasks: dict[str, TaskID] = {}
        self._countdown = Countdown({})

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def expect(self, expected_s: Mapping[str, float]) -> None:
        self._countdown = Countdown(expected_s)

    def step(self, case: str, text: str) -> None:
        self._update(case, printable(text), None, 0.0)

    def progress(self, case: str, phase: str, done: float, total: float, text: str) -> None:
        # A bar that stands at nothing says less than one that moves.
        self._update(case, printable(f"{phase}: {text}"), total if done > 0 else None, done)

    def finished(self, case: str, outcome_text: str) -> None:
        self._countdown.ends(case)
        task = self._tasks.pop(case, None)
        if task is not None:
            self._bar.remove_task(task)
        self._console.print(printable(f"  {case}: {outcome_text}"), markup=False, highlight=False, soft_wrap=True)

    def _update(self, case: str, text: str, total: float | None, done: float) -> None:
        self._countdown.begins(case)
        far = self._countdown.text(case)
        if case not in self._tasks:
            self._tasks[case] = self._bar.add_task(text, total=None, case=printable(case), far=far, done=done, of=total)
        else:
            self._bar.update(self._tasks[case], description=text, far=far, done=done, of=total)


class Bars:
    """Draws what is being brought: a `harness.provisioning.progress.ProgressReport` for a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def step(self, text: str) -> None:
        self._console.print(printable(text), markup=False, highlight=False, soft_wrap=True)

    def progress(self, what: str, done: int, total: int) -> None:
        if self._bar is None:
            columns = (
                TextColumn("{task.fields[what]}"),
                BarColumn(bar_width=24),
                DownloadColumn(),
                TransferSpeedColumn(),
            )
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._bar.start()
        if what not in self._tasks:
            self._tasks[what] = self._bar.add_task("", total=total, what=escape(printable(what)))
        self._bar.update(self._tasks[what], completed=done, total=total)
        if done == total:
            self._bar.remove_task(self._tasks.pop(what))
            self.step(f"{what}: {total / 1e6:.1f} MB")
        if not self._tasks:
            self._bar.stop()
            self._bar = None


def choose(output_format: str, quiet: bool, out: Console, err: Console) -> Silent:
    """The display for a run: on `out` for text; for JSON and Markdown on `err`, and there only if it is a terminal."""
    console = out if output_format == "text" else err
    if quiet or (output_format != "text" and not console.is_terminal):
        return Silent()
    return Live(console) if console.is_terminal else Plain(console)
