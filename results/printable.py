"""Text from outside, made fit to be shown. Standard library only: it is needed before there is anything else.

An engine's log, a key, a folder's name or a file of somebody else's may hold what a terminal obeys (its colours, title,
clipboard). It may also turn the direction of writing, or forge a line of ours by a break. Everything that is printed
passes through here; what is stored does not.
"""

from __future__ import annotations

import unicodedata
from typing import Any

_TAB = "\t"
_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Control characters, formats (directions of writing, marks without width), lone surrogates, breaks of lines."""


def printable(text: str) -> str:
    """The text on one line: a character that cannot be seen as itself is shown by its number, as JSON writes it."""
    return text if text.isprintable() else "".join(map(_shown, text))


def printable_lines(text: str) -> str:
    """The same of a text of several lines, which stay lines."""
    return "\n".join(map(printable, text.split("\n")))


def printable_values(value: Any) -> Any:
    """Plain data with every text in it printable, names included."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {printable_values(name): printable_values(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [printable_values(item) for item in value]
    return value


def _shown(character: str) -> str:
    # Whether it is printable is asked first: the category takes longer, and hardly any text needs it.
    if character.isprintable() or character == _TAB or unicodedata.category(character) not in _HIDDEN:
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[place : place + 2].hex()}" for place in range(0, len(units), 2))
