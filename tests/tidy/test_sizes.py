"""Functions and files are short, or say why they are not."""

from __future__ import annotations

import ast

from tests.tidy.sources import files, text_of

MOST_OF_A_FUNCTION = 60
MOST_OF_A_FILE = 400
REASON = "Longer than most: "
"""How the docstring of a long file, or of a long function, begins to say why it is long."""


def explained(node: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a docstring says why, in a few words at least."""
    words = " ".join((ast.get_docstring(node) or "").split()).partition(REASON)[2].split()
    return len(words) > 3


def too_long(text: str) -> list[str]:
    """What of a file is too long and does not say why; decorators are not counted as lines of their function."""
    tree, lines = ast.parse(text), len(text.splitlines())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    sized = [(node, (node.end_lineno or node.lineno) - node.lineno + 1) for node in functions]
    found = [f"{node.name}: {size}" for node, size in sized if size > MOST_OF_A_FUNCTION and not explained(node)]
    return found if lines <= MOST_OF_A_FILE or explained(tree) else [*found, f"the file: {lines}"]


def test_functions_and_files_are_short_or_say_why_not() -> None:
    looked_at = {str(path): too_long(text_of(path)) for path in files("*.py")}
    assert len(looked_at) > 300
    assert {path: found for path, found in looked_at.items() if found} == {}


def test_what_is_too_long_is_seen_unless_it_says_why() -> None:
    body = "    pass\n" * MOST_OF_A_FUNCTION
    reason = f'    """Does it.\n\n    {REASON}all of its steps are here.\n    """\n'
    assert too_long(f"def short():\n{body[9:]}") == []
    assert too_long(f"class A:\n  def long(self):\n{body}") == [f"long: {MOST_OF_A_FUNCTION + 1}"]
    assert too_long(f"def long():\n{reason}{body}") == []
    assert too_long(f'def long():\n    """{REASON}"""\n{body}') == [f"long: {MOST_OF_A_FUNCTION + 2}"]
    assert too_long("x = 1\n" * (MOST_OF_A_FILE + 1)) == [f"the file: {MOST_OF_A_FILE + 1}"]
    assert too_long(f'"""{REASON}it is long."""\n' + "x = 1\n" * MOST_OF_A_FILE) != []
    assert too_long(f'"""{REASON}it is one list."""\n' + "x = 1\n" * MOST_OF_A_FILE) == []
