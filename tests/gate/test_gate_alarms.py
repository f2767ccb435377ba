"""The script that shows how often a gate fails: on trials that were made up, whose noise is known."""

from __future__ import annotations

import lzma
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from results.gate import kept_baseline
from results.gate.gated import BY_NAME
from results.result import RunResult
from tests.gate.made_up_sides import MadeUp
from tests.gate.made_up_trials import CASE, CPU, FIGURES, MACHINE, OTHER, P99, RATE, gate
from tests.proofs import gate_alarms
from tests.proofs.gate_alarms import KEPT, LEAST_TRIALS, NAME, Real, _planted, draw, missed, noise, page, told, values
from tests.proofs.gate_alarms import SLOW as SLOW_PLANT

ROOT = Path(__file__).parents[2]


def recorded(spread: float, trials: int = 60) -> dict[str, list[dict[str, float]]]:
    random = np.random.default_rng(7)
    return {
        case: [
            {name: value * float(np.exp(random.normal(0, spread))) for name, value in FIGURES.items()}
            for _ in range(trials)
        ]
        for case in (CASE, OTHER)
    }


def test_gates_of_the_same_code_hardly_ever_fail_and_slower_ones_do() -> None:
    known = recorded(0.03)
    same, slow = draw(known, 200), draw(known, 50, 0.15)
    assert same.failed / same.gates <= 0.01
    assert slow.failed == slow.gates
    assert {case for case, _ in slow.by} == {CASE}
    assert {name for _, name in slow.by} == {CPU, RATE}


def test_noise_is_that_of_a_trial() -> None:
    found = noise(recorded(0.05, trials=400))
    assert all(each == pytest.approx(0.05, rel=0.15) for each in found.values())
    assert len(found) == 6


def test_too_few_trials_make_no_gate() -> None:
    with pytest.raises(ValueError, match="6 quads are too few"):
        draw(recorded(0.03, trials=27), 1)


def test_the_page_says_what_was_drawn(tmp_path: Path) -> None:
    made = MadeUp()
    trials = [
        [made.case(engine, "drain", "pass", FIGURES)] for _ in range(60) for engine in ("continuous", "micro-batch")
    ]
    path = kept_baseline.keep(tmp_path, "gate", MACHINE, trials)
    run = RunResult.model_validate_json(path.read_bytes())
    known = values(run)
    assert {case: len(each) for case, each in known.items()} == {CASE: 60, OTHER: 60}
    text = page(run, draw(known, 10), draw(known, 10, 0.15))
    assert "10 gates were drawn from trials of one revision: 0 failed (0.00%)" in text
    assert "10 of 10 failed (100.00%; by 2.0 figures each)" in text
    assert f"| {CASE} | p99 | 0.0% | 0 | 0 |" in text


def test_what_real_gates_did_not_show_is_said() -> None:
    good = [*[Real("the same code", 0, gate())] * 5, Real("the same code", 1, gate())]
    good += [Real("15% slower", 1, None), Real("a dropped row", 3, None)]
    assert missed(good) == []
    assert missed([*good, Real("the same code", 1, gate())]) == ["2 gates of the same code did not pass"]
    assert missed([Real("15% slower", 0, None)]) == ["15% slower: exit code 0"]
    assert missed([Real("a dropped row", 1, None)]) == ["a dropped row: exit code 1"]
    assert told(good).count("\n| ") == 2 + len(good)


def test_what_is_planted_is_planted_and_takes_the_time_it_says(tmp_path: Path) -> None:
    path = tmp_path / "operator.py"
    path.write_text((ROOT / "engines" / "continuous" / "operator.py").read_text())
    _planted(path, SLOW_PLANT)
    compile(path.read_text(), str(path), "exec")
    with pytest.raises(RuntimeError, match="sound code is not"):
        _planted(Path(os.devnull), SLOW_PLANT)
    assert P99 not in SLOW_PLANT.faulty


@pytest.fixture
def kept(made: MadeUp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where trials are kept, which were made up."""
    monkeypatch.setattr(gate_alarms, "KEPT", tmp_path / "kept")
    monkeypatch.setattr(gate_alarms, "judge_run", made.judged)
    return tmp_path / "kept" / f"{NAME}.json.xz"


def trials_in(path: Path) -> dict[str, int]:
    content = path.read_bytes()
    run = RunResult.model_validate_json(lzma.decompress(content) if path.suffix == ".xz" else content)
    return {case: len(each) for case, each in values(run).items()}


def test_trials_are_recorded_in_quads_and_drawn_from(
    made: MadeUp, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gate_alarms.record(LEAST_TRIALS, tmp_path / "folder")
    assert trials_in(kept) == {CASE: 28, OTHER: 28}
    engines = [engine for _, engine in made.made]
    assert all(len(set(engines[place : place + 4])) == 1 for place in range(0, 56, 4)), "four of one case in a row"
    assert not (tmp_path / "folder").exists()
    monkeypatch.setattr(sys, "argv", ["gate_alarms", "draw", "20"])
    with pytest.raises(SystemExit) as ended:
        gate_alarms.main()
    assert ended.value.code == 0
    assert "20 gates were drawn from trials of one revision: 0 failed" in capsys.readouterr().out
    assert "trials: 28 of" in (kept.parent / "alarms.md").read_text()


@pytest.mark.parametrize(("at", "enough"), [(100, True), (7, False)])
@pytest.mark.parametrize("how", ["it did not pass", "it was interrupted"])
def test_trials_are_kept_where_a_later_one_ends_it(
    made: MadeUp, kept: Path, tmp_path: Path, at: int, enough: bool, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def after(number: int) -> None:
        if number == at and how == "it did not pass":
            made.outcomes = {"candidate": "unknown"}
        elif number == at:
            raise KeyboardInterrupt

    made.after = after
    folder = tmp_path / "folder"
    with pytest.raises((SystemExit, KeyboardInterrupt)) as ended:
        gate_alarms.record(60, folder)
    assert kept.exists() == enough
    assert sum(trials_in(kept if enough else folder / "result.json").values()) == at - 1
    if how == "it did not pass":
        assert "did not pass: it stood still" in str(ended.value)
        assert Path(str(ended.value).rpartition("its history: ")[2], "what").exists()
    if not enough:
        assert "are too few for a gate" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["record", "4"], ["record", "30"], ["gates", "1"], ["draw", "1", "2"], ["else"]])
def test_what_makes_no_sense_is_refused_before_anything_runs(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["gate_alarms", *words])
    with pytest.raises(SystemExit) as ended:
        gate_alarms.main()
    assert isinstance(ended.value.code, str)


def test_a_gate_that_takes_too_long_is_asked_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate_alarms, "GATE_S", 0.2)
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    assert gate_alarms._ended(command, tmp_path, os.environ) == -signal.SIGTERM


@pytest.mark.skipif(not (KEPT / "alarms.md").exists(), reason="no trials are kept")
def test_the_page_that_is_kept_is_of_the_trials_that_are_kept() -> None:
    run = RunResult.model_validate_json(lzma.decompress((KEPT / f"{NAME}.json.xz").read_bytes()))
    text = (KEPT / "alarms.md").read_text(encoding="utf-8")
    assert {case.outcome for case in run.cases} == {"pass"}
    for (case, name), spread in noise(values(run)).items():
        assert f"| {case} | {BY_NAME[name].title} | {spread:.1%} |" in text
