"""The documents are written in short sentences: who reads them may have learned English as a second language."""

from __future__ import annotations

import re

import pytest

from tests.tidy.sources import ROOT, text_of

MOST_WORDS = 36
"""Of a sentence in running text. Tables, code and the list of metrics are no running text."""

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


def long_sentences(text: str) -> list[str]:
    sentences = [sentence for paragraph in paragraphs(text) for sentence in _END.split(paragraph)]
    return [sentence for sentence in sentences if len(sentence.split()) > MOST_WORDS]


@pytest.mark.parametrize("document", [document for document in DOCUMENTS if document not in MADE])
def test_sentences_are_short(document: str) -> None:
    assert long_sentences(text_of(document)) == []


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
