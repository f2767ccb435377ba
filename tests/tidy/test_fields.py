"""A type with many fields describes each of them right under it, not all of them in a paragraph."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.tidy.sources import PACKAGES, files, text_of

MOST_IN_A_PARAGRAPH = 4
"""A type with more fields than this has a docstring under each."""


def is_record(node: ast.ClassDef) -> bool:
    """Whether the class declares fields: a dataclass, or one with a base (a model, a NamedTuple, a Protocol).

    Other classes only give values to the attributes of a protocol, which describes them.
    """
    return bool(node.bases) or any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list)


def fields(node: ast.ClassDef) -> Iterator[tuple[str, bool]]:
    """Names of the fields of a class's body, and whether each has a docstring under it."""
    for place, statement in enumerate(node.body):
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        name = statement.target.id
        if name.startswith("_") or name == "model_config" or "ClassVar" in ast.unparse(statement.annotation):
            continue
        match node.body[place + 1 : place + 2]:
            case [ast.Expr(value=ast.Constant(value=str(text)))]:
                yield name, bool(text.strip())
            case _:
                yield name, False


def undescribed(text: str) -> list[str]:
    """The fields of a file's large types, as CLASS.FIELD, that have no docstring."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef) and is_record(node):
            described = dict(fields(node))
            if len(described) > MOST_IN_A_PARAGRAPH:
                found += [f"{node.name}.{name}" for name, is_described in described.items() if not is_described]
    return found


def test_each_field_of_a_large_type_is_described_under_it() -> None:
    looked_at = {str(path): undescribed(text_of(path)) for path in files("*.py", PACKAGES)}
    assert len(looked_at) > 200
    assert {path: found for path, found in looked_at.items() if found} == {}


def test_a_field_without_its_description_is_seen() -> None:
    four = "".join(f'    {name}: int\n    """Its unit."""\n' for name in "abcd")
    assert undescribed(f"@dataclass\nclass Large:\n{four}    e: int\n") == ["Large.e"]
    assert undescribed(f"@dataclass(frozen=True)\nclass Large:\n    e: int\n{four}") == ["Large.e"]
    assert undescribed(f"class Large(Model):\n{four}    e: int = Field(ge=0)\n    f: int\n") == ["Large.e", "Large.f"]
    assert undescribed(f'class Large(Protocol):\n{four}    e: int\n    """ """\n') == ["Large.e"]
    assert undescribed(f'class Large(NamedTuple):\n{four}    e: int\n    """Its unit."""\n') == []


def test_what_is_no_field_of_a_large_type_needs_no_description() -> None:
    four = "".join(f"    {name}: int\n" for name in "abcd")
    assert undescribed(f"@dataclass\nclass Small:\n{four}") == []
    assert undescribed(f"@dataclass\nclass Small:\n    kind: ClassVar[str]\n    _own: int\n{four}") == []
    assert undescribed(f"class Small(Model):\n    model_config: ConfigDict = ConfigDict()\n{four}") == []
    assert undescribed(f"class Engine:\n{four}    e: int = 5\n") == []
