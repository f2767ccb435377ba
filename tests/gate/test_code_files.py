"""Whether code was changed while a gate tried it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.gate.code_files import changed, contents


@pytest.fixture
def code(tmp_path: Path) -> Path:
    (tmp_path / "package" / "inner").mkdir(parents=True)
    (tmp_path / "package" / "inner" / "module.py").write_text("one = 1\n")
    (tmp_path / "suite.toml").write_text("")
    return tmp_path


def held(code: Path) -> dict[Path, bytes]:
    return contents([code / "package", code / "suite.toml", code / "not there"], code / "package" / "runs" / "gate")


MODULE = "package/inner/module.py"
CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a line of it": (lambda code: (code / MODULE).write_text("one = 2\n"), MODULE),
    "a file more": (lambda code: (code / "package/new.py").write_text(""), "package/new.py"),
    "a file less": (lambda code: (code / MODULE).unlink(), MODULE),
    "the suite": (lambda code: (code / "suite.toml").write_text("# x"), "suite.toml"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_found_and_named(code: Path, what: str) -> None:
    before = held(code)
    change, named = CHANGES[what]
    change(code)
    assert changed(before, held(code)) == code / named


def test_what_python_compiles_and_editors_leave_is_no_change_and_neither_is_the_same_text(code: Path) -> None:
    before = held(code)
    (code / "package" / "__pycache__").mkdir()
    (code / "package" / "__pycache__" / "module.pyc").write_text("x")
    (code / "package" / ".module.py.swp").write_text("x")
    (code / "elsewhere.py").write_text("x")
    (code / "package" / "runs" / "gate" / "trials").mkdir(parents=True)
    (code / "package" / "runs" / "gate" / "trials" / "plan.json").write_text("what the gate itself makes")
    (code / "package" / "inner" / "module.py").write_text("one = 1\n")
    assert changed(before, held(code)) is None
