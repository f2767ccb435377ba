"""Who may import whom: the contracts of pyproject.toml, and what they cannot say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import grimp
import pytest
from importlinter.api import read_configuration
from importlinter.cli import lint_imports

from engines.discovery import discover
from harness.faults import discover as discover_faults

ROOT = Path(__file__).parent.parent
PACKAGES = ("workloads", "engines", "harness", "results", "reports")
SLOW = ("numpy", "pyarrow", "duckdb", "confluent_kafka", "vl_convert", "jinja2", "psutil")


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*PACKAGES, cache_dir=None)


def test_the_import_contracts_are_kept(capfd: pytest.CaptureFixture[str]) -> None:
    code = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert code == 0, capfd.readouterr().out


def test_the_import_contracts_are_those_of_the_design() -> None:
    contracts = read_configuration(str(ROOT / "pyproject.toml"))["contracts_options"]
    assert {package for contract in contracts for package in contract.get("source_modules", ())} >= set(PACKAGES)


def test_no_engine_is_imported_by_name_from_outside_its_folder_and_its_variants(graph: grimp.ImportGraph) -> None:
    """engines/spark_realtime is a variant of engines/spark: its name says so."""
    folders = [f"engines.{name.replace('-', '_')}" for name in discover()]
    named = {
        (importer, folder)
        for folder in folders
        for module in (folder, *graph.find_descendants(folder))
        for importer in graph.find_modules_that_directly_import(module)
        if importer != folder and not importer.startswith((f"{folder}.", f"{folder}_"))
    }
    assert folders
    assert named == set()


def test_no_fault_is_imported_by_name(graph: grimp.ImportGraph) -> None:
    modules = {fault.__module__ for fault in discover_faults().values() if isinstance(fault, type)}
    named = {(importer, fault) for fault in modules for importer in graph.find_modules_that_directly_import(fault)}
    assert "harness.faults.poison" in modules
    assert named == set()


def test_nothing_imports_the_command_line(graph: grimp.ImportGraph) -> None:
    assert graph.find_modules_that_directly_import("harness.cli") == set()


def test_help_waits_for_no_slow_import() -> None:
    code = (
        "import sys; from harness.cli import execute; execute(['run', '--help']);"
        f"print(sorted(set({SLOW!r}) & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "--engine" in done.stdout
    assert done.stderr.strip() == "[]"
