"""Things are found by their existence, in a package and outside, and what cannot be loaded is found with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TypeGuard

import pytest

from workloads import discovery
from workloads.discovery import Unavailable, discover

GROUP = "made-up.things"


@dataclass
class Thing:
    """What is looked for; one that has no name is called as its module."""

    size: int


def is_thing(found: object) -> TypeGuard[Thing]:
    return hasattr(found, "size")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package whose modules have `thing`, or another kind of it, or none, or cannot be imported."""
    name = f"made_up_{tmp_path.name.replace('-', '_')}"
    folder = tmp_path / name
    thing = "class Made:\n    size = {size}\nthing = Made()\n"
    contents = {
        "__init__": "",
        "two_words": thing.format(size=2),
        "named": thing.format(size=3) + "thing.name = 'a-name-of-its-own'\n",
        "of_another_kind": "thing = 'a text'\n",
        "without": "",
        "not_importable": "import nothing_of_this_name\n",
        "failing": "raise KeyError('whatever it may be')\n",
        "whole/__init__": thing.format(size=4),
    }
    for path, text in contents.items():
        file = folder / f"{path}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    return name


def found_in(package: str, only: str | None = None) -> dict[str, object]:
    things = discover(package, "thing", GROUP, is_thing, only)  # type: ignore[arg-type]
    return {name: thing if isinstance(thing, Unavailable) else thing.size for name, thing in things.items()}


def test_modules_and_packages_are_looked_into_in_the_order_of_names(package: str):
    broken = Unavailable("not-importable", "ModuleNotFoundError: No module named 'nothing_of_this_name'")
    failing = Unavailable("failing", "KeyError: 'whatever it may be'")
    assert list(found_in(package).items()) == [
        ("a-name-of-its-own", 3),
        ("failing", failing),
        ("not-importable", broken),
        ("two-words", 2),
        ("whole", 4),
    ]


def test_a_kind_of_thing_may_be_looked_for_in_packages_or_in_modules_only(package: str):
    assert found_in(package, "packages") == {"whole": 4}
    assert set(found_in(package, "modules")) == {"a-name-of-its-own", "failing", "not-importable", "two-words"}


def test_packages_outside_add_to_what_there_is_and_replace_it(package: str, monkeypatch: pytest.MonkeyPatch):
    named = {
        "whole": f"{package}.two_words:thing",
        "extra": f"{package}.named:thing",
        "absent": f"{package}.named:nothing",
        "odd": f"{package}.of_another_kind:thing",
    }
    points = [EntryPoint(name, value, GROUP) for name, value in named.items()]
    monkeypatch.setattr(discovery, "entry_points", lambda group: points if group == GROUP else [])
    found = found_in(package, "packages")
    assert (found["whole"], found["extra"]) == (2, 3)
    assert isinstance(found["absent"], Unavailable)
    assert "has no attribute 'nothing'" in found["absent"].why
    assert found["odd"] == Unavailable("odd", f"{package}.of_another_kind:thing is nothing that {GROUP} may name")
