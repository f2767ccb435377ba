"""What docstrings and comments of the product name of its modules and types exists."""

from __future__ import annotations

import ast
import io
import re
import tokenize

from tests.test_architecture import is_there
from tests.tidy.sources import PACKAGES, files, text_of

_NAMED = re.compile(r"`((?:workloads|engines|harness|results|reports)(?:\.\w+)+)`")


def named_in(text: str) -> set[str]:
    """The dotted names in quotes that a file's docstrings and comments have."""
    told = [node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)]
    comments = [token.string for token in tokenize.generate_tokens(io.StringIO(text).readline)]
    return {name for part in (*told, *comments) if isinstance(part, str) for name in _NAMED.findall(part)}


def test_every_module_and_type_that_the_code_speaks_of_exists() -> None:
    named = {name: str(path) for path in files("*.py", PACKAGES) for name in named_in(text_of(path))}
    assert len(named) > 20
    assert {name: where for name, where in named.items() if not is_there(name)} == {}


def test_a_name_in_a_docstring_or_a_comment_is_seen() -> None:
    text = '"""As `results.absent` has it."""\n# See `harness.nothing.Less`, not results.plain.\nx = 1\n'
    assert named_in(text) == {"results.absent", "harness.nothing.Less"}
