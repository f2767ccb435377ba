"""What docs/ARCHITECTURE.md and CONTRIBUTING.md say of the code is so: what they name exists, in the order they say."""

from __future__ import annotations

import importlib
import importlib.util
import re
import tomllib
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

from engines.discovery import discover as discover_engines
from harness.foreign_kafka.run_topics import FILE
from results import store
from results.history import TABLES
from results.plan import CALIBRATION, NOISE
from workloads.workload import discover as discover_workloads

ROOT = Path(__file__).parents[1]
PAGES = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("docs/ARCHITECTURE.md", "CONTRIBUTING.md")}
ARCHITECTURE = PAGES["docs/ARCHITECTURE.md"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONTRACTS = PROJECT["tool"]["importlinter"]["contracts"]
PACKAGES = PROJECT["tool"]["importlinter"]["root_packages"]

OF_A_RUN = {
    f"{CALIBRATION}/WORKLOAD/",
    f"{NOISE}/",
    "runs/TIME_SUITE_ID/",
    store.PLAN,
    store.RESULT,
    f"{store.CASES}/NAME/",
    *(f"{table}/" for table in TABLES),
    "trial.json",
    "marks.jsonl",
    "report.html",
    FILE,
    "logs/",
}
"""Files and folders of a run, which are in no repository."""

TO_BE_MADE = {"engines/mine", "CHANGELOG.md"}
"""What a reader is told to make."""

_CODE = re.compile(r"```.*?```|`[^`\n]+`|^ {4}.*$", re.MULTILINE | re.DOTALL)
_PATH = re.compile(r"(?<![\w./<-])[\w-][\w.-]*/[\w./-]*|(?<![\w./-])[\w-]+\.(?:py|md|toml|lock|html|json|jsonl)\b")
_DOTTED = re.compile(r"(?<![\w./-])(?:workloads|engines|harness|results|reports)(?:\.\w+)+(?![\w/])")


def code_of(page: str) -> str:
    """What stands in the page as code: spans, indented and fenced blocks, the picture."""
    return "\n".join(_CODE.findall(page))


def paths_of(page: str) -> set[str]:
    return {path.rstrip(".") for path in _PATH.findall(code_of(page))}


def exists(path: str) -> bool:
    """Whether a file or folder is in the repository; NAME stands for any name."""
    return any(found.is_dir() or not path.endswith("/") for found in ROOT.glob(path.replace("NAME", "*").rstrip("/")))


def chapter(title: str) -> str:
    _, _, rest = ARCHITECTURE.partition(f"\n## {title}\n")
    assert rest, f"there is no chapter {title!r}"
    return rest.partition("\n## ")[0]


def spans(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def table(text: str) -> list[list[str]]:
    """The rows of the only table in a text, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.mark.parametrize("page", PAGES)
def test_every_file_and_folder_that_a_page_names_exists(page: str):
    named = paths_of(PAGES[page]) - OF_A_RUN - TO_BE_MADE
    assert len(named) > 10
    assert {path for path in named if not exists(path)} == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_module_and_type_that_a_page_names_exists(page: str):
    named = {name for name in _DOTTED.findall(code_of(PAGES[page])) if not name.endswith((".py", ".md", ".toml"))}
    assert named
    assert {name for name in named if not is_there(name)} == set()


def is_there(dotted: str) -> bool:
    """Whether this is a module, or something in one. One that an engine's own environment runs is not imported."""
    words = dotted.split(".")
    for length in range(len(words), 0, -1):
        name = ".".join(words[:length])
        try:
            found = importlib.util.find_spec(name)
        except ModuleNotFoundError:
            continue
        if found is not None:
            missing = object()
            inner = words[length:]
            module: Any = importlib.import_module(name) if inner else None
            return reduce(lambda thing, word: getattr(thing, word, missing), inner, module) is not missing
    return False


def test_what_does_not_exist_would_be_noticed():
    page = "`harness/trial.py` and `harness/nothing.py`, `engines/NAME/`, `odd/NAME/`, `missing.toml`, `results.absent`"
    assert {path for path in paths_of(page) if not exists(path)} == {"harness/nothing.py", "odd/NAME/", "missing.toml"}
    assert _DOTTED.findall(code_of(page)) == ["results.absent"]
    assert not is_there("results.absent")
    assert not is_there("results.history.Absent")
    assert is_there("results.history.History")


def test_the_nine_steps_name_the_modules_that_take_them():
    steps = re.findall(
        r"^(\d)\. \*\*(.+?)\.\*\*(.*?)(?=^\d\. |\Z)", chapter("From suite to report in nine steps"), re.M | re.S
    )
    assert [int(number) for number, _, _ in steps] == list(range(1, 10))
    for _, title, text in steps:
        modules = [span for span in spans(text) if span.endswith(".py")]
        assert modules, title
        assert all((ROOT / module).is_file() for module in modules), title


def test_the_import_order_is_that_of_the_contracts():
    text = " ".join(chapter("Packages, and who may import whom").split())
    for contract in CONTRACTS:
        assert contract["name"] in text
        if contract["type"] == "layers":
            assert " → ".join(contract["layers"]) in text


def test_every_package_is_on_the_page_with_its_contract():
    rows = table(chapter("Packages, and who may import whom"))
    assert [spans(row[0])[0].rstrip("/") for row in rows] == PACKAGES
    sources = {contract["name"]: contract.get("source_modules") for contract in CONTRACTS}
    for row in rows:
        assert sources[row[3]] == [spans(row[0])[0].rstrip("/")]


def test_what_a_package_may_import_is_on_the_page():
    """Single modules, where a contract lets a package import what it else may not."""
    rows = {spans(row[0])[0].rstrip("/"): row[2] for row in table(chapter("Packages, and who may import whom"))}
    for contract in CONTRACTS:
        let_in = {line.partition(" -> ")[2] for line in contract.get("ignore_imports", ())}
        named = [spans(rows[package]) for package in contract.get("source_modules", ()) if package in rows]
        for modules in named:
            assert {module for module in let_in if "*" not in module} <= set(modules)


def rooms() -> dict[str, set[str]]:
    """The modules that the page has of each room, by the room's folder."""
    found: dict[str, set[str]] = {}
    place = ""
    for where, _, modules in table(chapter("Rooms")):
        place = spans(where)[0] if where else place
        found.setdefault(place, set()).update(spans(modules))
    return found


def test_every_room_is_on_the_page():
    """But those of single engines, which are found by their existence."""
    there = {path.parent for package in PACKAGES for path in (ROOT / package).rglob("__init__.py")}
    named = {f"{path.relative_to(ROOT)}/" for path in there}
    assert named - rooms().keys() <= {f"engines/{name.replace('-', '_')}/" for name in discover_engines()}
    assert rooms().keys() <= named


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_on_top_of_a_package_is_on_the_page(package: str):
    """But single workloads, which are found by their existence."""
    there = {path.stem for path in (ROOT / package).glob("*.py")} - {"__init__"}
    found = {name.replace("-", "_") for name in discover_workloads()} - {"replay"}
    assert there - found == rooms()[f"{package}/"]


def test_every_engine_is_on_the_page():
    named = [name for row in table(chapter("The engines")) for name in spans(row[0])]
    assert sorted(named) == sorted(discover_engines())


def test_each_kind_of_thing_has_a_pattern_that_is_one():
    rows = table(chapter("To add something: one file"))
    assert [row[0] for row in rows] == ["an engine", "a workload", "a fault", "a metric", "a section", "a suite"]
    for _, place, has, pattern, _ in rows:
        (made,), (copied,) = spans(place), spans(pattern)
        assert Path(made).parent == Path(copied).parent
        if copied.endswith(".toml"):
            continue
        module = importlib.import_module(copied.removesuffix(".py").strip("/").replace("/", "."))
        assert hasattr(module, spans(has)[0])


def test_the_entry_points_are_those_of_the_example():
    example = tomllib.loads((ROOT / "examples" / "outside-engine" / "pyproject.toml").read_text(encoding="utf-8"))
    named = [spans(row[4])[0] for row in table(chapter("To add something: one file")) if spans(row[4])]
    assert named == list(example["project"]["entry-points"])


def test_the_files_of_a_run_are_all_on_the_page():
    named = {path for row in table(chapter("A run: processes, threads, files")) for path in spans(row[0])}
    assert named == OF_A_RUN - {"runs/TIME_SUITE_ID/"}
