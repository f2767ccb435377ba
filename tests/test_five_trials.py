"""The script that makes the kept table of five trials: of a run that is worth it, and of no other."""

from __future__ import annotations

import lzma
from pathlib import Path

from results.result import RunResult
from tests import made_up
from tests.proofs import five_trials

RATES = [812_000.0, 790_000.0, 830_000.0, 805_000.0, 821_000.0]


def run_of(trials: int = 5) -> RunResult:
    return made_up.several(made_up.trials("a", RATES[:trials]), made_up.trials("b", [100_000.0] * trials))


def test_the_table_has_medians_with_intervals_and_what_they_allow_to_say() -> None:
    run = run_of()
    text = five_trials.page(run)
    (line,) = [line for line in text.splitlines() if line.startswith("| a (1.2.3)")]
    assert line.split(" | ")[1] == "812 k/s [790 k/s, 830 k/s]"
    head = next(line for line in text.splitlines() if line.startswith("| engine"))
    assert head.count("|") == line.count("|")
    assert "Fastest through the backlog was a (812 k events/s); slowest was b" in text
    cases = [
        case.model_copy(
            update={"metrics": {k: v.model_copy(update={"bracketed": ["why"]}) for k, v in case.metrics.items()}}
        )
        for case in made_up.trials("a", RATES)
    ]
    assert "| (812 k/s [790 k/s, 830 k/s]) |" in five_trials.page(made_up.several(cases))


def test_what_is_kept_is_the_result_and_its_table(tmp_path: Path) -> None:
    run = run_of()
    stored = run.model_dump_json().encode()
    five_trials.keep(run, stored, tmp_path)
    assert lzma.decompress((tmp_path / "five-trials.json.xz").read_bytes()) == stored
    assert (tmp_path / "five-trials.md").read_text() == five_trials.page(run)


def test_a_run_that_did_not_pass_or_has_too_few_trials_is_not_kept() -> None:
    assert five_trials.unfit(run_of()) is None
    assert five_trials.unfit(run_of(4)) == "a has 4 of 5 trials"
    assert five_trials.unfit(made_up.six()) == "continuous has 1 of 5 trials"
    cases = made_up.trials("a", RATES)
    wrong = cases[2].model_copy(update={"outcome": "fail", "reason": "loss"})
    spoiled = made_up.several([*cases[:2], wrong, *cases[3:]])
    assert five_trials.unfit(spoiled) == "a: fail: loss (trial 2)"
