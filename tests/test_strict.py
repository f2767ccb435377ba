"""Figures in brackets, and how a command ends where strictness is asked for."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest

from harness.host.surroundings import Others
from tests.judge.recording import beside, perfect
from tests.judge.test_warm import without_drains
from tests.playback import Bench, set_up


@pytest.fixture(scope="module")
def _recorded() -> bytes:
    return pickle.dumps(perfect())


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, _recorded: bytes) -> Bench:
    return set_up(tmp_path, monkeypatch, _recorded)


def test_a_disturbed_run_is_bracketed_and_right_and_inconclusive_where_asked(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.spoil = lambda recording: beside(recording, 0.9)
    assert bench("run", "mine.toml", "-e", "alpha") == 0
    assert re.search(r"^alpha +pass +\(500 /s\) +\(250 ms\)", capsys.readouterr().out, re.MULTILINE)
    assert bench("judge", "latest", "--strict") == 6
    captured = capsys.readouterr()
    assert "beside the measured part other work took 45 % of the CPU time" in captured.err
    assert "--wait-quiet" in captured.err


def test_a_quiet_run_is_good_also_where_strictness_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = perfect()
    without_drains(recording)
    recording.plan = recording.plan.model_copy(update={"drain": None})
    bench = set_up(tmp_path, monkeypatch, pickle.dumps(recording))
    assert bench("run", "mine.toml", "-e", "alpha", "--strict") == 0, capsys.readouterr().err


def test_wrong_rows_outrank_brackets(bench: Bench) -> None:
    def spoil(recording) -> None:
        beside(recording, 0.9)
        recording.rows.remove(recording.row(recording.largest()))

    bench.spoil = spoil
    assert bench("run", "mine.toml", "-e", "alpha", "--strict") == 3


def test_before_a_run_the_machine_is_described(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench("run", "mine.toml", "-e", "alpha") == 0
    out = capsys.readouterr().out
    assert re.search(r"^machine: load [\d.]+ on \d+ CPUs; other work takes \d+ % of them$", out, re.MULTILINE)
    assert re.search(r"^machine: CPU governor ", out, re.MULTILINE)


def test_a_calm_machine_is_waited_for_where_asked(
    bench: Bench, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = iter([Others(70, ())])
    monkeypatch.setattr("harness.host.surroundings.CALM_S", 0.0)
    monkeypatch.setattr("harness.host.surroundings._looked", lambda: next(looks, Others(0, ())))
    assert bench("run", "mine.toml", "-e", "alpha", "--wait-quiet", "60s") == 0
    out = capsys.readouterr().out
    assert "machine: waiting for a calm machine: other work takes 70 %" in out
    assert out.index("machine: calm") < out.index("starting the engine")


def test_a_machine_that_does_not_become_calm_is_said_and_the_run_begins(
    bench: Bench, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.host.surroundings._looked", lambda: Others(70, ()))
    assert bench("run", "mine.toml", "-e", "alpha", "--wait-quiet", "10ms") == 0
    assert "machine: not calm within 0.01 s: the run begins all the same" in capsys.readouterr().out


def test_a_wait_that_is_no_duration_is_refused(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench("run", "mine.toml", "--wait-quiet", "60") == 2
    assert "option --wait-quiet" in capsys.readouterr().err
