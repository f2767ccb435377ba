"""Tests wait by `tests.waiting.wait_until`, which has a bound and says what was awaited, not by loops of their own."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.tidy.sources import files, text_of

THE_ONE = Path("tests/waiting.py")


def only_waits(loop: ast.While) -> bool:
    """Whether its body does nothing but sleep, or look whether time is over."""
    steps = [ast.unparse(step) for step in loop.body]
    looks = [step for step in steps if step.startswith("assert ") and "time.monotonic()" in step]
    sleeps = [step for step in steps if step.startswith("time.sleep(")]
    return len(looks) + len(sleeps) == len(steps)


def waits(text: str) -> list[int]:
    """The lines at which a file has such a loop."""
    return [node.lineno for node in ast.walk(ast.parse(text)) if isinstance(node, ast.While) and only_waits(node)]


def test_no_test_has_a_wait_of_its_own() -> None:
    looked_at = {str(path): waits(text_of(path)) for path in files("*.py", ("tests",)) if path != THE_ONE}
    assert len(looked_at) > 150
    assert {path: lines for path, lines in looked_at.items() if lines} == {}


def test_a_wait_is_told_from_a_loop_that_does_something() -> None:
    assert waits("while not met():\n    assert time.monotonic() < end\n    time.sleep(0.1)\n") == [1]
    assert waits("while not met() and time.monotonic() < end:\n    time.sleep(0.1)\n") == [1]
    assert waits("while not met():\n    assert time.monotonic() < end\n") == [1]
    assert waits("while time.process_time() < end:\n    pass\n") == []
    assert waits("while not met():\n    assert time.monotonic() < end\n    read(0.1)\n") == []
