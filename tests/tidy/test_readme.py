"""What the documents name exists, and what README.md lists is all there is."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
import typer.main

from harness import cli
from harness.planning.catalogue import LISTS, discover
from harness.planning.planner import Selection
from harness.planning.request import Request, overrides, resolve
from harness.planning.suite_files import suites
from harness.problem import ExitCode
from tests.tidy.sources import ROOT, text_of

README = text_of("README.md")
DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "METHOD.md",
    "docs/ARCHITECTURE.md",
    "docs/gate.md",
    "docs/results/README.md",
)
COMMANDS: dict[str, Any] = typer.main.get_command(cli.app).commands
PLACEHOLDER = re.compile(r"\b[A-Z]{2,}\b")
OURS = ("docs", "engines", "harness", "reports", "results", "tests", "workloads")


def cells(heading: str) -> list[str]:
    """The first column of the table of README.md whose first heading this is."""
    rows = README.partition(f"| {heading} |")[2].splitlines()[2:]
    table = rows[: next(place for place, row in enumerate(rows) if not row.startswith("|"))]
    return [row.split("|")[1].strip() for row in table]


def listed_workloads() -> set[str]:
    """`-q2` behind `nexmark-q1` is short for `nexmark-q2`."""
    found: list[str] = []
    for name in re.findall(r"`([\w-]+)`", " ".join(cells("workload"))):
        found.append(f"{found[-1].rpartition('-')[0]}{name}" if name.startswith("-") else name)
    return set(found)


def called(document: str) -> list[tuple[str, ...]]:
    """The command lines of a document, without the program, with each of `a|b` once; what is explained beside them, or
    goes on behind them, is left out.
    """
    lines = re.findall(r"(?:\./bench|streamgauge) ([a-z]+(?: [^`\s][^`\s]*)*)", text_of(document))
    found = []
    for line in lines:
        words = shlex.split(re.sub(r"[\[\]]|\.\.\.", "", line))
        several = next((word for word in words if "|" in word), "")
        found += [tuple(each if word == several else word for word in words) for each in several.split("|")]
    return found


EXAMPLES = dict.fromkeys(words for document in DOCUMENTS for words in called(document))


def test_the_workloads_of_the_readme_are_those_that_exist() -> None:
    assert listed_workloads() == set(discover().workloads)


def test_the_exit_codes_of_the_readme_are_those_that_exist() -> None:
    assert [int(code) for code in cells("exit code")] == [code.value for code in ExitCode]


def test_the_commands_of_the_readme_are_those_that_exist() -> None:
    named = called("README.md")
    assert {words[0] for words in named} == set(COMMANDS)
    assert {words[1] for words in named if words[0] == "list"} == set(LISTS)


@pytest.mark.parametrize("words", EXAMPLES, ids=" ".join)
def test_a_command_line_of_the_documents_is_understood(words: tuple[str, ...]) -> None:
    given = COMMANDS[words[0]].make_context(words[0], list(words[1:])).params
    if words[0] == "run" and not PLACEHOLDER.search(" ".join(words)):
        asked = Selection(tuple(given["engine"] or ()), tuple(given["workload"] or ()))
        replaced = overrides(given["settings"] or [], None, given["fault"] or ())
        resolve(Request(given["suite"], asked, replaced), discover())


def test_the_command_lines_of_the_documents_are_found() -> None:
    runs = [words for words in EXAMPLES if words[0] == "run"]
    assert {"shapes", "faults", "exactly-once", "faults-full"} <= {words[1] for words in runs} & set(suites())
    assert any("--fault" in words for words in runs)
    assert any("--set" in words for words in runs)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_path_that_a_document_names_exists(document: str) -> None:
    named = {word for word in re.findall(r"`([\w./-]+)`", text_of(document)) if word.partition("/")[0] in OURS}
    named = {word for word in named if "/" in word and not PLACEHOLDER.search(word)}
    assert {word for word in named if not (ROOT / word).exists()} == set()
    assert document == "docs/results/README.md" or named
