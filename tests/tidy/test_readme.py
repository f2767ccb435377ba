"""What the documents name exists, what they list is all there is, and README.md is short and says what was measured."""

from __future__ import annotations

import re
import shlex
import tomllib
from typing import Any

import pytest
import typer.main

from harness import cli
from harness.planning.catalogue import LISTS, discover
from harness.planning.planner import Selection
from harness.planning.request import Request, overrides, resolve
from harness.planning.suite_files import suites
from harness.problem import ExitCode
from reports import units
from reports.comparison import compare
from results import result_file
from results.metrics import drain, foreign, latency, warm_up
from tests.tidy.sources import ROOT, text_of

README = text_of("README.md")
FOLDERS = (".", "docs", "docs/results", "docs/findings/*", "examples/*", "integrations/*", "reports/examples")
FOUND = {str(path.relative_to(ROOT)) for folder in FOLDERS for path in ROOT.glob(f"{folder}/*.md")}
DOCUMENTS = sorted(FOUND - {"CHANGELOG.md"})
"""A changelog also tells of what is no more."""
MOST_WORDS = 900
ORDER = (
    "Try it",
    "What it says",
    "Break it",
    "What was found",
    "Your own job and data",
    "How to read it",
    "Everything else",
)
"""The parts of README.md: the answer first, the rest of the reference elsewhere."""
COMMANDS: dict[str, Any] = typer.main.get_command(cli.app).commands
PLACEHOLDER = re.compile(r"\b[A-Z]{2,}\b")
OURS = ("docs", "engines", "harness", "reports", "results", "tests", "workloads")


def cells(document: str, heading: str) -> list[str]:
    """The first column of the table of a document whose first heading this is."""
    rows = text_of(document).partition(f"| {heading} |")[2].splitlines()[2:]
    table = rows[: next(place for place, row in enumerate(rows) if not row.startswith("|"))]
    return [row.split("|")[1].strip() for row in table]


def listed_workloads() -> set[str]:
    """`-q2` behind `nexmark-q1` is short for `nexmark-q2`."""
    found: list[str] = []
    for name in re.findall(r"`([\w-]+)`", " ".join(cells("docs/workloads.md", "workload"))):
        found.append(f"{found[-1].rpartition('-')[0]}{name}" if name.startswith("-") else name)
    return set(found)


PROGRAM = r"(?:\./bench|streamgauge|docker compose [^\n]* bench)"


def called(document: str) -> list[tuple[str, ...]]:
    """The command lines of a document, without the program, with each of `a|b` once; what is explained beside them, or
    goes on behind them, is left out.
    """
    lines = re.findall(rf"{PROGRAM} ([a-z]+(?: (?:'[^'`\n]*'|[^`\s][^`\s]*))*)", text_of(document))
    found = []
    for line in lines:
        first = line.partition(" | ")[0].partition(" && ")[0]
        # Brackets say what may be left out, but within quotes they are the command's own.
        words = shlex.split(re.sub(r"('[^']*')|[\[\]]|\.\.\.", lambda found: found[1] or "", first))
        several = next((word for word in words if "|" in word), "")
        found += [tuple(each if word == several else word for word in words) for each in several.split("|")]
    return found


EXAMPLES = dict.fromkeys(words for document in DOCUMENTS for words in called(document))


def test_the_workloads_of_the_documents_are_those_that_exist() -> None:
    assert listed_workloads() == set(discover().workloads)


def test_the_exit_codes_of_the_documents_are_those_that_exist() -> None:
    assert [int(code) for code in cells("docs/commands.md", "exit code")] == [code.value for code in ExitCode]


def test_the_commands_of_the_documents_are_those_that_exist() -> None:
    named = called("docs/commands.md")
    assert {words[0] for words in named} == set(COMMANDS)
    assert {words[1] for words in named if words[0] == "list"} == set(LISTS)


@pytest.mark.parametrize("words", EXAMPLES, ids=" ".join)
def test_a_command_line_of_the_documents_is_understood(words: tuple[str, ...]) -> None:
    command, rest = COMMANDS[words[0]], list(words[1:])
    while rest and rest[0] in getattr(command, "commands", {}):
        command = command.commands[rest.pop(0)]
    given = command.make_context(words[0], rest).params
    elsewhere = "/" in (given.get("suite") or "")  # A suite of a package outside, which is not installed here.
    if words[0] == "run" and not PLACEHOLDER.search(" ".join(words)) and not elsewhere:
        asked = Selection(tuple(given["engine"] or ()), tuple(given["workload"] or ()))
        replaced = overrides(given["settings"] or [], None, given["fault"] or ())
        resolve(Request(given["suite"], asked, replaced), discover())


def test_a_wheel_that_a_document_names_is_that_of_this_version() -> None:
    version = tomllib.loads(text_of("pyproject.toml"))["project"]["version"]
    named = [name for document in DOCUMENTS for name in re.findall(r"streamgauge-([\d.]+)-py3", text_of(document))]
    assert named
    assert set(named) == {version}


def test_the_command_lines_of_the_documents_are_found() -> None:
    runs = [words for words in EXAMPLES if words[0] == "run"]
    assert {"shapes", "faults", "exactly-once", "faults-full"} <= {words[1] for words in runs} & set(suites())
    assert any("--fault" in words for words in runs)
    assert any("--set" in words for words in runs)
    assert {words[:2] for words in EXAMPLES} >= {("gate", "accept"), ("history", "accept"), ("job", "check")}
    assert ("run", "quick", "-e", "flink", "--kafka", "kafka:9092") in called("docs/docker.md")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_program_of_ours_that_a_document_runs_exists(document: str) -> None:
    text = text_of(document)
    modules = [name for name in re.findall(r"python3? -m ([\w.]+)", text) if name.partition(".")[0] in OURS]
    scripts = re.findall(r"python3? ([\w/]+\.py)", text)
    named = [*(f"{name.replace('.', '/')}.py" for name in modules), *scripts, *re.findall(r"compose -f (\S+)", text)]
    assert [name for name in named if not (ROOT / name).exists()] == []
    assert document not in ("CONTRIBUTING.md", "docs/docker.md") or named


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_path_that_a_document_names_exists(document: str) -> None:
    named = {word for word in re.findall(r"`([\w./-]+)`", text_of(document)) if word.partition("/")[0] in OURS}
    named = {word for word in named if "/" in word and not PLACEHOLDER.search(word)}
    assert {word for word in named if not (ROOT / word).exists()} == set()
    assert document not in ("METHOD.md", "CONTRIBUTING.md", "docs/ARCHITECTURE.md") or named


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_link_of_a_document_leads_to_a_file_of_the_repository(document: str) -> None:
    """From the document's own folder, as a forge follows it; `http` leads elsewhere, `#` to a part of a page."""
    led = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text_of(document))]
    folder = (ROOT / document).parent
    assert [link for link in led if link and "://" not in link and not (folder / link).exists()] == []


def test_the_first_page_is_short_and_has_its_parts_in_order() -> None:
    assert len(README.split()) <= MOST_WORDS
    assert tuple(re.findall(r"^## (.+)$", README, re.MULTILINE)) == ORDER
    before = README.partition("\n## ")[0]
    assert "?**" in before
    assert re.search(r"!\[[^\]]+\]\(docs/first-screen\.png\)", before)
    assert "--log embedded" in README.partition("## Try it")[2].splitlines()[4]


def test_every_page_of_docs_is_named_by_the_first_page() -> None:
    pages = {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")}
    assert {page for page in pages if f"]({page})" not in README} == set()


def test_the_table_of_the_first_page_is_that_of_a_kept_result() -> None:
    """Every figure of it stands in docs/results/settings.json.xz, in its brackets; plain settings are left out."""
    (comparison,) = compare(result_file.read(ROOT / "docs" / "results" / "settings.json.xz"))
    metrics = (drain.RATE, warm_up.COLD_RATE, latency.RESULT["p99"])
    kept = {
        row.name: tuple(
            f"({text})" if row.bracketed(metric) else text
            for metric in metrics
            if (text := units.quantity(row.value(metric), metric.unit))
        )
        for row in comparison.ran
        if row.first.set_up.settings != "plain"
    }
    table = README.partition("| engine | backlog")[2].splitlines()[2:]
    rows = [[cell.strip(" *") for cell in line.strip("|").split("|")] for line in table if line.startswith("| ")]
    shown = {row[0]: tuple(row[1:4]) for row in rows if len(row) == 5}
    assert shown == kept


def test_the_first_page_says_what_other_work_took_beside_its_figures() -> None:
    cases = result_file.read(ROOT / "docs" / "results" / "settings.json.xz").cases
    most = max(case.metrics[foreign.FOREIGN.name].value for case in cases)
    assert f"Other work took up to {most:.1f} % of the CPU time" in README
