"""Jars are fetched once, and none is used that is not the one that was locked."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import sys
import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.problem import Problem
from harness.provisioning import jars, maven
from tests.provisioning.bare import CONTENT, Repository, Told, locked


def test_jars_are_fetched_once_with_progress_in_bytes(tmp_path: Path, repository: Repository):
    told = Told()
    for _ in range(2):
        paths = jars.ensure_jars("example", told)
    assert [path.read_bytes() for path in paths] == list(CONTENT.values())
    assert repository.fetched == list(CONTENT)
    assert told.done == [("jars of example", 3000, 4500), ("jars of example", 4500, 4500)]
    assert jars.missing_jars("example") == ()
    assert sorted(path.name for path in (tmp_path / "home/jars").iterdir()) == [
        "one-1.0.jar",
        "two-2.0.jar",
        "verified.json",
    ]


@pytest.mark.parametrize("content", [b"one" * 999 + b"onf", b"", b"one" * 1001])
def test_a_damaged_jar_is_refused_by_name_with_both_hashes(repository: Repository, content: bytes):
    path = jars.ensure_jars("example", Told())[0]
    path.write_bytes(content)
    for use in (partial(jars.ensure_jars, "example", Told()), partial(jars.missing_jars, "example")):
        with pytest.raises(Problem) as caught:
            use()
        assert "one-1.0.jar was damaged or changed" in caught.value.what
        assert locked("org.example:one:1.0").sha256 in caught.value.what
        assert hashlib.sha256(content).hexdigest() in caught.value.what
        assert caught.value.where == str(path)
        assert f"rm {path}" in caught.value.remedy
    path.unlink()
    assert jars.ensure_jars("example", Told())[0].read_bytes() == CONTENT["org.example:one:1.0"]


def test_a_jar_is_read_again_only_when_its_size_or_time_changed(repository, monkeypatch: pytest.MonkeyPatch):
    path = jars.ensure_jars("example", Told())[0]
    real, hashed = jars._sha256, []
    monkeypatch.setattr(jars, "_sha256", lambda path: hashed.append(path) or real(path))
    jars.ensure_jars("example", Told())
    assert hashed == []
    os.utime(path, (1, 1))
    jars.ensure_jars("example", Told())
    jars.ensure_jars("example", Told())
    assert hashed == [path]


def test_jars_of_a_folder_that_cannot_be_written_to_are_read_and_used(repository, monkeypatch: pytest.MonkeyPatch):
    """A container image is read-only, and its files have other times than when they were recorded."""
    first, second = jars.ensure_jars("example", Told())

    def refused(path: Path, content: bytes) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(jars, "write_whole", refused)
    os.utime(first, (1, 1))
    assert jars.ensure_jars("example", Told()) == (first, second)
    assert jars.missing_jars("example") == ()
    os.utime(second, (1, 1))
    second.write_bytes(b"something else")
    with pytest.raises(Problem, match="was damaged or changed"):
        jars.ensure_jars("example", Told())


def test_what_the_repository_has_changed_is_refused_and_not_kept(tmp_path: Path, repository: Repository):
    repository.bad["org.example:two:2.0"] = b"something else"
    with pytest.raises(Problem, match=r"org\.example:two:2\.0 is not the file that was locked"):
        jars.ensure_jars("example", Told())
    kept = [path.name for path in (tmp_path / "home/jars").glob("*.jar")]
    assert kept == ["one-1.0.jar"]
    repository.bad.clear()
    jars.ensure_jars("example", Told())
    assert repository.fetched.count("org.example:one:1.0") == 1


def test_the_users_own_copy_is_taken_only_with_the_locked_hash(tmp_path: Path, repository: Repository):
    repository.own = tmp_path
    (tmp_path / "one-1.0.jar").write_bytes(CONTENT["org.example:one:1.0"])
    (tmp_path / "two-2.0.jar").write_bytes(b"half a download")
    jars.ensure_jars("example", Told())
    assert repository.fetched == ["org.example:two:2.0"]


def test_nothing_is_fetched_onto_a_full_disk(repository: Repository, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=100))
    with pytest.raises(Problem, match="no disk space"):
        jars.ensure_jars("example", Told())
    assert repository.fetched == []


def test_an_unknown_set_is_refused_with_those_that_exist(repository: Repository):
    with pytest.raises(Problem, match="no jar set exampel; there are: example"):
        jars.ensure_jars("exampel", Told())


def test_every_named_coordinate_is_locked_in_its_set():
    lock = jars.read_lock()
    sets = tomllib.loads(jars.SETS.read_text())
    assert set(lock) == set(sets)
    for name, wanted in sets.items():
        coordinates = {jar.coordinate for jar in lock[name]}
        assert coordinates >= {*wanted.get("whole", []), *wanted.get("alone", [])}
        assert len({jar.file for jar in lock[name]}) == len(lock[name])


def test_a_lock_that_was_made_from_other_sets_or_is_none_is_refused(tmp_path: Path):
    other = tmp_path / "jars.toml"
    other.write_text(jars.SETS.read_text() + "\n[more]\n")
    with pytest.raises(Problem, match="made from another") as caught:
        jars.read_lock(Path(shutil.copy(jars.LOCK, tmp_path)))
    assert jars.RELOCK in caught.value.remedy
    broken = tmp_path / "jars.lock"
    broken.write_text("[[jar]\n")
    with pytest.raises(Problem, match="cannot be read"):
        jars.read_lock(broken)


GOOD = {"sets": ["example"], "coordinate": "org.example:one:1.0", "file": "one-1.0.jar", "size": 1, "sha256": "0" * 64}


def lock(path: Path, entry: dict[str, object]) -> Path:
    shutil.copy(jars.SETS, path.with_suffix(".toml"))
    lines = [f"{name} = {json.dumps(value)}" for name, value in entry.items()]
    path.write_text("\n".join([f'source = "{jars._sha256(jars.SETS)}"', "[[jar]]", *lines]))
    return path


def test_a_lock_of_plain_names_is_read(tmp_path: Path):
    (jar,) = jars.read_lock(lock(tmp_path / "jars.lock", GOOD))["example"]
    assert jar.file == "one-1.0.jar"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("file", name) for name in ("../../x.jar", "/etc/x.jar", "..", "a/b.jar", ".x.jar", "x\n.jar", "x", "", 1)),
        ("file", "verified.json"),
        ("coordinate", "org.example:..:1.0"),
        ("coordinate", "org.example:one:../../1.0"),
        ("coordinate", "org/example:one:1.0"),
        ("coordinate", "http://elsewhere:one:1.0"),
        ("coordinate", "org.example:one:1.0?x"),
        ("coordinate", "one:1.0"),
        ("sha256", "0" * 63),
        ("sha256", ""),
        ("size", -1),
        ("size", "many"),
    ],
)
def test_what_a_lock_names_is_no_path_and_no_address(tmp_path: Path, name: str, value: object):
    with pytest.raises(Problem, match="the jar lock cannot be read"):
        jars.read_lock(lock(tmp_path / "jars.lock", GOOD | {name: value}))


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The jar sets of a package outside, whose lock was made by the command that we name."""
    served = Repository()
    monkeypatch.setattr(maven, "fetch", partial(named, served))
    monkeypatch.setattr(maven, "local_copy", served.local_copy)
    sets = tmp_path / "theirs" / "jars.toml"
    sets.parent.mkdir()
    sets.write_text('[kafka]\nalone = ["org.example:one:1.0"]\n')
    monkeypatch.setattr(sys, "argv", ["jars", "lock", str(sets)])
    assert jars.main() == 0
    return sets.with_suffix(".lock")


def named(served: Repository, coordinate: str, scratch: Path, progress: Callable[[int], None] | None = None) -> Path:
    """As Maven names files, by which a lock is made."""
    fetched = served.fetch(coordinate, scratch, progress or (lambda _: None))
    return fetched.rename(scratch / locked(coordinate).file)


def test_a_package_outside_has_jars_of_its_own_lock_in_a_folder_of_their_own(tmp_path: Path, theirs: Path):
    assert jars.read_lock(theirs) == {"kafka": (locked("org.example:one:1.0"),)}
    assert jars.missing_jars("kafka", theirs) == (locked("org.example:one:1.0"),)
    (path,) = jars.ensure_jars("kafka", Told(), theirs)
    assert path.read_bytes() == CONTENT["org.example:one:1.0"]
    assert path.parent.parent == tmp_path / "home/jars"
    assert jars.missing_jars("kafka", theirs) == ()


def test_a_package_outside_names_no_set_of_ours_and_a_lock_that_is_there(theirs: Path):
    with pytest.raises(Problem, match="no jar set flink-kafka; there are: kafka") as caught:
        jars.ensure_jars("flink-kafka", Told(), theirs)
    assert caught.value.where == str(theirs)
    for use in (partial(jars.ensure_jars, "kafka", Told()), partial(jars.missing_jars, "kafka")):
        with pytest.raises(Problem, match="the jar lock cannot be read"):
            use(theirs.with_name("none.lock"))


@pytest.mark.parametrize("words", [[], ["unlock"], ["lock", "a", "b"]])
def test_the_command_that_makes_a_lock_says_how_it_is_called(words: list[str], monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["jars", *words])
    assert jars.main() == 2
    assert capsys.readouterr().err == f"usage: {jars.RELOCK} [JARS_TOML]\n"


def test_jar_sets_that_cannot_be_read_are_named(tmp_path: Path, monkeypatch, capsys):
    (tmp_path / "jars.toml").write_text("[kafka")
    monkeypatch.setattr(sys, "argv", ["jars", "lock", str(tmp_path / "jars.toml")])
    assert jars.main() == 5
    assert "the jar sets cannot be read" in capsys.readouterr().err
    assert not (tmp_path / "jars.lock").exists()


@pytest.mark.parametrize("coordinate", ["org.example:../../../victim:1.0", "org.example:one:/../../victim", "one"])
def test_a_coordinate_that_leads_elsewhere_is_fetched_and_removed_nowhere(tmp_path: Path, coordinate: str):
    victim = tmp_path / "victim" / "kept"
    victim.mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    for ask in (maven.local_copy, partial(maven.fetch, scratch=tmp_path / "a" / "b" / "c")):
        with pytest.raises(Problem, match="is not GROUP:ARTIFACT:VERSION"):
            ask(coordinate)
    assert victim.exists()
