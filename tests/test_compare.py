"""`compare`, `judge` and `report` take a run's folder, `latest`, a result.json and one that xz packed, also mixed."""

from __future__ import annotations

import json
import lzma
import os
import pickle
import shutil
import struct
import zlib
from pathlib import Path

import pytest

from results import result_file, store
from results.result import RunResult
from results.store import DamagedRun
from tests import made_up, playback
from tests.judge.recording import perfect
from tests.playback import Bench
from workloads.regular_file import MOST_TEXT_BYTES

KEPT = Path(__file__).parent.parent / "docs" / "results" / "five-trials.json.xz"


@pytest.fixture(scope="module")
def recorded() -> bytes:
    return pickle.dumps(perfect())


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recorded: bytes) -> Bench:
    made = playback.set_up(tmp_path, monkeypatch, recorded)
    assert made("run", "mine.toml", "-e", "alpha", "--format", "json") == 0
    return made


@pytest.fixture
def forms(bench: Bench, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """The same result in every form, by what the form is."""
    packed = bench.folder / "kept.json.xz"
    packed.write_bytes(lzma.compress((bench.run / "result.json").read_bytes()))
    shutil.copy(bench.run / "result.json", bench.folder / "copied")
    capsys.readouterr()
    return {
        "folder": f"runs/{bench.run.name}",
        "latest": "latest",
        "file": f"runs/{bench.run.name}/result.json",
        "packed": "kept.json.xz",
        "of another name": "copied",
    }


FORMS = ("folder", "latest", "file", "packed", "of another name")


@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_judged_and_reported_and_compared(
    bench: Bench, forms: dict[str, str], form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench("judge", forms[form], "--format", "json") == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["cases"][0]["outcome"] == "pass"
    assert ("has no histories to be judged again" in err) == (form not in ("folder", "latest"))
    assert bench("report", forms[form], "-o", "page.html") == 0
    assert "alpha" in (bench.folder / "page.html").read_text()
    capsys.readouterr()
    assert bench("compare", forms[form], forms["packed"]) == 0
    assert "No case became wrong, and none became right." in capsys.readouterr().out


def test_all_forms_are_compared_at_once(
    bench: Bench, forms: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench("compare", *forms.values(), "--format", "json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["schema_version"] == 1
    assert len(told["sides"]) == len(FORMS)
    assert [pair["after"] for pair in told["pairs"]] == [1, 2, 3, 4]
    assert all(case["worse"] == case["mended"] == case["incomparable"] == [] for case in told["pairs"][3]["cases"])


def test_in_markdown_there_are_tables_and_nothing_else(
    bench: Bench, forms: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench("compare", forms["file"], forms["packed"], "--format", "markdown") == 0
    out = capsys.readouterr().out
    assert out.startswith("### Results\n")
    assert "| engine | figure | before | after | after / before |" in out


def test_another_machine_and_method_are_named(
    bench: Bench, forms: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench("compare", str(KEPT), forms["packed"]) == 0
    assert "nothing can be compared" in capsys.readouterr().out, "there is no engine alpha"
    run = result_file.read(KEPT)
    older = run.model_copy(update={"cases": [case.model_copy(update={"method_version": 8}) for case in run.cases]})
    store.save(bench.folder, older)
    assert bench("compare", str(KEPT), "result.json") == 0
    out = capsys.readouterr().out
    assert "method version: 9 before, 8 after" in out
    assert "not comparable: 36" in out


def test_a_page_of_a_file_stands_beside_it_and_tells_how_to_run_it_again(
    bench: Bench, forms: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench("report", forms["packed"]) == 0
    assert capsys.readouterr().out == "kept.report.html\n"
    command = result_file.read(bench.folder / "kept.json.xz").provenance.command
    assert command == bench.plan.command
    assert command in (bench.folder / "kept.report.html").read_text()
    shutil.copy(KEPT, bench.folder / "old.json.xz")
    assert bench("report", "old.json.xz") == 0
    assert "run quick</pre>" in (bench.folder / "old.report.html").read_text()


def test_a_page_says_what_changed_from_another_result(
    bench: Bench, forms: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench("report", forms["packed"], "-o", "alone.html") == 0
    assert "Two runs compared" not in (bench.folder / "alone.html").read_text()
    assert bench("report", forms["packed"], "--against", forms["folder"], "-o", "page.html") == 0
    page = (bench.folder / "page.html").read_text()
    assert "Two runs compared" in page
    assert "No case became wrong, and none became right." in page
    capsys.readouterr()
    assert bench("report", forms["packed"], "--against", "absent") == 2
    assert "there is no such run" in capsys.readouterr().err


def test_a_threshold_of_a_kept_result_decides_how_judging_it_ends(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    (bench.folder / "mine.toml").write_text(playback.SUITE + '\n[[threshold]]\nbound = "p50 < 1ms"\n')
    assert bench("run", "mine.toml", "-e", "alpha") == 1
    latest = sorted((bench.folder / "runs").iterdir(), key=lambda run: run.stat().st_mtime)[-1]
    (bench.folder / "kept.json.xz").write_bytes(lzma.compress((latest / "result.json").read_bytes()))
    capsys.readouterr()
    assert bench("judge", "kept.json.xz") == 1
    assert "p50 < 1ms by alpha" in capsys.readouterr().err


def test_a_kept_result_is_held_against_a_threshold_of_the_command_line(
    bench: Bench, forms: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench("judge", str(KEPT), "--threshold", "p99 < 2s") == 1
    out, err = capsys.readouterr()
    assert "threshold crossed: p99 < 2s by spark (micro-batch), sensors (2.79 s" in err
    assert out.count("p99 < 2s") >= 6
    assert bench("judge", forms["packed"], "--threshold", "p50 < 1ms") == 1
    assert bench("judge", "latest", "--threshold", "p50 < 1ms") == 1
    assert bench("judge", "latest") == 0, "it is no part of the run"
    capsys.readouterr()
    for bound, said in (("p98 < 1s", "unknown metric `p98`"), ("p99 < 1", "not a duration"), ("p99", "METRIC < VALUE")):
        assert bench("judge", forms["packed"], "--threshold", bound) == 2
        assert said in capsys.readouterr().err


@pytest.mark.parametrize(("count", "told"), [(1, "1 result to compare"), (27, "27 results to compare")])
def test_too_few_and_too_many_are_refused(
    bench: Bench, forms: dict[str, str], capsys: pytest.CaptureFixture[str], count: int, told: str
) -> None:
    assert bench("compare", *([forms["packed"]] * count)) == 2
    err = capsys.readouterr().err
    assert told in err
    assert "from 2 to 26" in err


@pytest.mark.parametrize("command", ["judge", "report", "compare"])
def test_what_is_not_there_is_said(bench: Bench, capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert bench(command, "nosuch.json.xz", *(["latest"] if command == "compare" else [])) == 2
    assert "error: there is no such run\n  nosuch.json.xz" in capsys.readouterr().err


def test_a_pipe_and_a_device_are_no_results(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(bench.folder / "pipe")
    for path in ("pipe", "/dev/zero"):
        assert bench("compare", path, "latest") == 2
        assert f"error: there is no such run\n  {path}" in capsys.readouterr().err


# Files that are none.


def read(folder: Path, content: bytes) -> RunResult:
    path = folder / "some.json"
    path.write_bytes(content)
    return result_file.read(path)


def valid() -> bytes:
    return made_up.six().model_dump_json().encode()


def test_a_result_is_read_packed_and_not(tmp_path: Path) -> None:
    assert read(tmp_path, valid()) == read(tmp_path, lzma.compress(valid())) == made_up.six()
    padded = lzma.compress(valid()) + b"\0" * 4
    assert read(tmp_path, padded) == made_up.six()


def test_a_file_that_unpacks_to_too_much_is_not_unpacked(tmp_path: Path) -> None:
    bomb = lzma.compress(b" " * (MOST_TEXT_BYTES + 1), preset=0)
    assert len(bomb) < 100_000
    with pytest.raises(DamagedRun, match="larger than the 67,108,864 bytes that are read"):
        read(tmp_path, bomb)


def test_one_that_is_just_not_too_large_is_read(tmp_path: Path) -> None:
    content = valid()
    whole = content + b" " * (MOST_TEXT_BYTES - len(content))
    assert read(tmp_path, lzma.compress(whole, preset=0)) == made_up.six()


def test_one_that_needs_much_memory_is_not_unpacked(tmp_path: Path) -> None:
    """Its header asks for a dictionary of 1.5 GiB."""
    packed = bytearray(lzma.compress(valid(), preset=0))
    header = bytearray(packed[12 : 12 + (packed[12] + 1) * 4])
    place = header.index(b"\x21\x01") + 2
    header[place] = 37
    header[-4:] = struct.pack("<I", zlib.crc32(bytes(header[:-4])))
    packed[12 : 12 + len(header)] = header
    with pytest.raises(DamagedRun, match="cannot be unpacked: Memory usage limit"):
        read(tmp_path, bytes(packed))


@pytest.mark.parametrize("end", [-1, -20, 30, 7])
def test_a_packed_file_that_was_cut_off_is_damaged(tmp_path: Path, end: int) -> None:
    with pytest.raises(DamagedRun, match="cannot be unpacked"):
        read(tmp_path, lzma.compress(valid())[:end])


def test_a_packed_file_with_a_changed_byte_or_something_behind_it_is_damaged(tmp_path: Path) -> None:
    packed = bytearray(lzma.compress(valid()))
    packed[len(packed) // 2] ^= 1
    with pytest.raises(DamagedRun, match="cannot be unpacked"):
        read(tmp_path, bytes(packed))
    with pytest.raises(DamagedRun, match="something stands behind its end"):
        read(tmp_path, lzma.compress(valid()) + b"more")


def changed(**fields: object) -> bytes:
    return json.dumps(json.loads(valid()) | fields).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"{}",
        b"[]",
        b"null",
        b"NaN",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        changed(schema_version=2),
        changed(cases=5),
        changed(extra=1),
        changed(method_version="x" * 10_000),
        changed(thresholds=[{"state": "met"}]),
        changed(machine={"cpu": 1}),
        valid().replace(b'"value":', b'"value":1e999,"x":', 1),
        lzma.compress(b"{}"),
        b"\x1f\x8b\x08",
    ],
    ids=range(17),
)
def test_what_is_no_result_is_refused_in_a_line(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DamagedRun) as caught:
        read(tmp_path, content)
    assert len(str(caught.value)) < 1000
    assert "\n" not in caught.value.what


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    with path.open("wb") as file:
        file.truncate(MOST_TEXT_BYTES + 1)
    with pytest.raises(DamagedRun, match="more than the 67,108,864 that are read"):
        result_file.read(path)
