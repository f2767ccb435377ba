"""The results in docs/results can be read, and each row of them was right."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from reports import html
from results import store

KEPT = sorted((Path(__file__).parent.parent / "docs" / "results").glob("*.json.xz"))


@pytest.mark.parametrize("kept", KEPT, ids=lambda path: path.name)
def test_a_kept_result_can_be_read_and_shown(kept: Path, tmp_path: Path) -> None:
    (tmp_path / store.RESULT).write_bytes(lzma.decompress(kept.read_bytes()))
    run = store.load(tmp_path)
    assert "<!doctype html>" in html.render(run, "streamgauge run").lower()
    for case in run.cases:
        if case.outcome != "unsupported":
            assert case.verdict is not None
            assert case.verdict.missing == case.verdict.duplicate == case.verdict.wrong == 0


def test_results_are_kept() -> None:
    assert KEPT
