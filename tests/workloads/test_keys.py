"""Key laws."""

from __future__ import annotations

import numpy as np
import pytest

from workloads import keys
from workloads.workload import Unfit

IDS = np.arange(40_000)


def counted(law: str, count: int = 50, **more: float) -> np.ndarray:
    return np.bincount(keys.select({"law": law, "keys": count, "zipf": 1.0, **more}, 9, IDS), minlength=count)


def test_uniform_keys_are_equally_likely() -> None:
    expected = len(IDS) / 50
    assert np.abs(counted("uniform") - expected).max() < 5 * expected**0.5


def test_a_zipf_key_is_as_much_rarer_as_its_rank_says() -> None:
    found = counted("zipf", zipf=1.0)
    assert found[0] / found[9] == pytest.approx(10, rel=0.15)
    assert counted("zipf", zipf=0.0)[0] == pytest.approx(len(IDS) / 50, rel=0.15)


def test_the_hot_key_has_a_quarter_and_the_others_share_the_rest() -> None:
    found = counted("hot")
    assert found[0] / len(IDS) == pytest.approx(0.25, abs=0.01)
    assert found[1:].max() / found[1:].min() < 1.5
    assert counted("hot", 1).tolist() == [len(IDS)]


def test_a_growing_key_space_grows_with_the_ids_up_to_its_end() -> None:
    drawn = keys.select({"law": "growing", "keys": 1000}, 9, IDS)
    assert (drawn <= IDS // 10).all()
    assert drawn[:100].max() < 10
    assert 900 < drawn[9_000:10_000].max() < 1000
    assert len(np.unique(drawn[20_000:])) == 1000


def test_labels_are_one_sequence_for_all_calls() -> None:
    assert keys.labels("a", 3) == ("a-0000", "a-0001", "a-0002")
    assert keys.labels("a", 3) is keys.labels("a", 3)


def test_no_keys_at_all_are_refused() -> None:
    with pytest.raises(Unfit, match="no keys"):
        counted("uniform", 0)
