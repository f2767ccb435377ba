"""The table of one engine in a suite file: which of its settings and layouts, and which options of the user's own."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from engines.configuration import LAYOUTS, SETTINGS, Configurable, Layout, Settings
from harness.planning.catalogue import Catalogue
from harness.planning.tables import Table, once, several, table_of, unknown, words
from harness.problem import ExitCode, Problem
from workloads.discovery import Unavailable

SettingsChosen = Annotated[tuple[Settings, ...], BeforeValidator(several), Field(min_length=1), AfterValidator(once)]

Where = Callable[[tuple[str, ...]], str]
"""Where a value of the suite was written, by the keys that lead to it."""


def by_whole_names(value: Any, before: str = "") -> Any:
    """Options by their whole names: TOML makes tables of what stands between dots. Raises ValueError."""
    if not isinstance(value, dict):
        return value
    found: dict[str, str] = {}
    for name, each in value.items():
        whole = f"{before}{name}"
        if isinstance(each, dict):
            found |= by_whole_names(each, f"{whole}.")
        elif isinstance(each, bool):
            found[whole] = str(each).lower()
        elif isinstance(each, str | int):
            found[whole] = str(each)
        else:
            raise ValueError(f"`{whole}` is passed on as it is written: put its value in quotes")
    return found


OptionText = Annotated[str, Field(min_length=1, max_length=1000)]


class EngineTable(Table):
    """How one engine is set. None: as it stands for all engines."""

    settings: SettingsChosen | None = None
    """One or both of `plain` and `recommended`."""
    layout: Layout | None = None
    """How its tasks are spread over worker processes."""
    options: Annotated[dict[OptionText, OptionText], BeforeValidator(by_whole_names)] = Field(default={})
    """The user's own options, by the engine's names."""


def unfit_engines(content: Mapping[str, Any], catalogue: Catalogue, where: Where) -> Iterator[Problem]:
    """Tables of engines that do not exist, and what an engine does not have or does not take."""
    for name, value in table_of(content.get("engine")).items():
        engine = catalogue.engines.get(name)
        if engine is None:
            yield unknown("engine", name, catalogue.engines, where(("engine", name)))
        elif not isinstance(engine, Unavailable):
            table = table_of(value)
            had: dict[str, tuple[str, ...]] = {"settings": SETTINGS[:1], "layout": LAYOUTS[-1:]}
            if isinstance(engine, Configurable):
                had = {"settings": engine.settings, "layout": engine.layouts}
            for key, choices in had.items():
                yield from _absent(name, key, words(table.get(key)), choices, where)
            asked = words(table_of(content.get("modes")).get(name)) or list(engine.modes)[:1]
            for mode in (mode for mode in asked if mode in engine.modes):
                yield from _refused(name, mode, engine, table.get("options"), where)


def _absent(name: str, key: str, wanted: list[str], choices: tuple[str, ...], where: Where) -> Iterator[Problem]:
    for word in wanted:
        # What is no such word at all, the model says.
        if word in (*SETTINGS, *LAYOUTS) and word not in choices:
            what = f"{name} has no {key} `{word}`: its own is {' or '.join(choices)}"
            yield Problem(what, where(("engine", name, key)), "Leave it out", ExitCode.USAGE)


def _refused(name: str, mode: str, engine: object, value: object, where: Where) -> Iterator[Problem]:
    try:
        options = by_whole_names(table_of(value))
    except ValueError:
        return  # The model says so.
    for option in options:
        place = where(("engine", name, "options", option))
        if not isinstance(engine, Configurable):
            yield Problem(f"{name} takes no options", place, "Leave it out", ExitCode.USAGE)
            continue
        allowed = engine.options(mode)
        if (why := allowed.refusal(option)) is not None:
            close = difflib.get_close_matches(option, allowed.known or (), n=1)
            remedy = f"Did you mean `{close[0]}`?" if close else "Leave it out"
            yield Problem(f"{name} does not take the option `{option}`: {why}", place, remedy, ExitCode.USAGE)
