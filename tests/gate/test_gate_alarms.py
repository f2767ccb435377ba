"""The script that shows how often a gate fails: on trials that were made up, whose noise is known."""

from __future__ import annotations

import lzma
import os
from pathlib import Path

import numpy as np
import pytest

from results.gate import kept_baseline
from results.gate.gated import BY_NAME
from results.result import RunResult
from tests.gate.made_up_sides import MadeUp
from tests.gate.made_up_trials import CASE, CPU, FIGURES, MACHINE, OTHER, P99, RATE, gate
from tests.proofs.gate_alarms import KEPT, NAME, Real, _planted, draw, missed, noise, page, told, values
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


@pytest.mark.skipif(not (KEPT / f"{NAME}.json.xz").exists(), reason="no trials are kept")
def test_the_page_that_is_kept_is_of_the_trials_that_are_kept() -> None:
    run = RunResult.model_validate_json(lzma.decompress((KEPT / f"{NAME}.json.xz").read_bytes()))
    text = (KEPT / "alarms.md").read_text(encoding="utf-8")
    assert {case.outcome for case in run.cases} == {"pass"}
    for (case, name), spread in noise(values(run)).items():
        assert f"| {case} | {BY_NAME[name].title} | {spread:.1%} |" in text
