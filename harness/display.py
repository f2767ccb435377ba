"""What a run says while it runs: live lines on a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

from typing import Protocol, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)

from results.printable import printable

_REFRESHES_PER_S = 4
"""Drawing takes CPU from what is being measured."""


class Display(Protocol):
    """Is told what a run is doing."""

    def step(self, case: str, text: str) -> None: ...

    def progress(self, case: str, phase: str, done: float, total: float, text: str) -> None: ...

    def finished(self, case: str, outcome_text: str) -> None: ...


class Silent:
    """Says nothing. A `Display` that is entered before a run and left after it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def step(self, case: str, text: str) -> None:
        pass

    def progress(self, case: str, phase: str, done: float, total: float, text: str) -> None:
        pass

    def finished(self, case: str, outcome_text: str) -> None:
        pass


class Plain(Silent):
    """A line each time that something else begins."""

    def __init__(self, console: Console) -> None:
        self._console, self._last = console, ("", "")

    def step(self, case: str, text: str) -> None:
        if (case, text) != self._last:
            self._last = (case, text)
            self._console.print(printable(f"{case}: {text}"), markup=False, highlight=False, soft_wrap=True)

    def progress(self, case: str, phase: str, done: float, total: float, text: str) -> None:  # noqa: ARG002
        self.step(case, f"{phase}: {text}")

    def finished(self, case: str, outcome_text: str) -> None:
        self.step(case, outcome_text)


class Live(Silent):
    """One line for the case that runs, redrawn in place; a line that stays for each that is finished."""

    def __init__(self, console: Console) -> None:
        self._bar = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("[bold]{task.fields[case]}"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=18),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            refresh_per_second=_REFRESHES_PER_S,
        )
        self._console = console
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def step(self, case: str, text: str) -> None:
        self._bar.update(self._task(case), description=escape(printable(text)), total=None)

    def progress(self, case: str, phase: str, done: float, total: float, text: str) -> None:
        # A bar that stands at nothing says less than one that moves.
        known = total if done > 0 else None
        description = escape(printable(f"{phase}: {text}"))
        self._bar.update(self._task(case), description=description, completed=done, total=known)

    def finished(self, case: str, outcome_text: str) -> None:
        task = self._tasks.pop(case, None)
        if task is not None:
            self._bar.remove_task(task)
        self._console.print(printable(f"  {case}: {outcome_text}"), markup=False, highlight=False, soft_wrap=True)

    def _task(self, case: str) -> TaskID:
        if case not in self._tasks:
            self._tasks[case] = self._bar.add_task("", total=None, case=escape(printable(case)))
        return self._tasks[case]


class Bars:
    """Draws what is being brought: a `harness.provisioning.progress.Report` for a terminal."""

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
