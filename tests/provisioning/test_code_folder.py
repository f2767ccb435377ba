"""Engine processes import from a folder that holds our two packages and their own, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.problem import Problem
from harness.provisioning.code_folder import code_folder


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_it_holds_engines_and_workloads_only():
    assert names(code_folder()) == {"engines", "workloads"}
    assert code_folder().stat().st_mode & 0o777 == 0o755, "others than who made it may read it"


def test_what_engines_import_comes_from_it_and_nothing_beside_it_can_be_imported(tmp_path: Path):
    code = "import sys; sys.path[:0] = sys.argv[1:]; import engines, workloads; print(engines.__file__); import harness"
    words = [sys.executable, "-I", "-S", "-c", code, code_folder()]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == str(code_folder() / "engines" / "__init__.py")
    assert "No module named 'harness'" in done.stderr


def test_an_engines_own_packages_stand_beside_ours(tmp_path: Path):
    package = tmp_path / "mine"
    package.mkdir()
    (package / "__init__.py").touch()
    folder = code_folder([package])
    assert names(folder) == {"engines", "workloads", "mine"}
    assert folder != code_folder()


@pytest.mark.parametrize("name", ["engines", "workloads", "absent"])
def test_a_package_that_is_none_or_is_called_as_ours_is_refused(tmp_path: Path, name: str):
    if name != "absent":
        (tmp_path / name).mkdir()
    with pytest.raises(Problem, match="is no package"):
        code_folder([tmp_path / name])


def test_a_folder_that_was_changed_is_made_anew():
    folder = code_folder()
    (folder / "engines").unlink()
    (folder / "numpy").mkdir()
    assert names(code_folder()) == {"engines", "workloads"}


def test_many_who_make_it_at_once_have_one_and_leave_nothing():
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: code_folder(), range(32)))
    assert len(made) == 1
    assert names(made.pop().parent) == {code_folder().name}


def test_where_it_cannot_be_made_the_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("STREAMGAUGE_HOME", str(tmp_path / "file"))
    with pytest.raises(Problem, match="cannot be made") as caught:
        code_folder()
    assert "STREAMGAUGE_HOME" in caught.value.remedy
