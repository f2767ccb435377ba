"""Documents and code speak in short sentences: who reads them may have learned English as a second language."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator

import pytest

from tests.tidy.sources import PACKAGES, ROOT, files, text_of

MOST_WORDS = 36
"""Of a sentence in running text. Tables, code and the list of metrics are no running text."""

MOST_OF_CODE = 40
"""Of a sentence in the words that stand in the product's code."""

FOLDERS = (".", "docs", "docs/results", "docs/findings/*", "examples/*", "integrations/*", "reports/examples")
DOCUMENTS = sorted(str(path.relative_to(ROOT)) for folder in FOLDERS for path in (ROOT).glob(f"{folder}/*.md"))
MADE = {"docs/results/five-trials.md"}
"""Pages that a program writes, of notes that are lists of figures."""

_ITEM = re.compile(r"\s*(?:- |\d+\. )")
_END = re.compile(r"(?<=[.?:;])[)*]*\s+(?=[A-Z*`_(\[])|(?<=[.?!])\s")
"""A colon or a semicolon ends a thought only where a new sentence begins behind it."""


def paragraphs(text: str) -> list[str]:
    """Running text and items of lists, each in one line; without tables, headings and code."""
    found: list[list[str]] = [[]]
    for line in text.partition("\n## Metrics\n")[0].splitlines():
        if not line.strip() or line.lstrip().startswith(("|", "#")) or line.startswith("    "):
            found.append([])
        elif _ITEM.match(line):
            found.append([line.strip()])
        else:
            found[-1].append(line.strip())
    return [" ".join(lines) for lines in found if lines]


def long_sentences(text: str, most: int = MOST_WORDS) -> list[str]:
    sentences = [sentence for paragraph in paragraphs(text) for sentence in _END.split(paragraph)]
    return [sentence for sentence in sentences if len(sentence.split()) > most]


def said_in(code: str) -> Iterator[str]:
    """What a module, its definitions and their fields say of themselves, without lines of a table."""
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield "\n".join("" if "   " in line.strip() else line for line in inspect.cleandoc(text).splitlines())


@pytest.mark.parametrize("document", [document for document in DOCUMENTS if document not in MADE])
def test_sentences_are_short(document: str) -> None:
    assert long_sentences(text_of(document)) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_sentences_in_the_code_are_short(package: str) -> None:
    found = {
        str(path): long
        for path in files("*.py", (package,))
        for text in said_in(text_of(path))
        for long in long_sentences(text, MOST_OF_CODE)
    }
    assert found == {}


def test_a_long_sentence_in_the_code_would_be_found() -> None:
    words = "word " * MOST_OF_CODE
    code = f'class A:\n    b = 1\n    """{words}\n    word. Short."""\n\n    """a   {words} word"""\n'
    assert [long for text in said_in(code) for long in long_sentences(text, MOST_OF_CODE)] == [f"{words}word."]


def test_a_long_sentence_would_be_found() -> None:
    words = "word " * MOST_WORDS
    assert long_sentences(f"- Short.\n  {words}\n  word. Short.\n") == [f"{words}word."]
    assert long_sentences(f"| {words} | word |\n\n    {words} word\n") == []
    assert {"README.md", "METHOD.md", "docs/gate.md"} <= set(DOCUMENTS)


def test_every_word_of_the_glossary_is_used_behind_it() -> None:
    """It stands first, so that terms are defined before they are used, and has none that the page does not use."""
    _, _, behind = text_of("METHOD.md").partition("\n## Words\n")
    table, _, rest = behind.partition("\n## ")
    terms = [term.strip() for line in table.splitlines()[6:] if line.startswith("| ") for term in _terms(line)]
    assert len(terms) > 30
    assert [term for term in terms if term.removeprefix("to ")[:5].lower() not in rest.lower()] == []


def _terms(line: str) -> list[str]:
    return line.split("|")[1].split(",")
