"""The example reports are what the code makes of the kept results."""

from __future__ import annotations

import pytest

from tests.proofs import examples


@pytest.mark.parametrize("name", examples.COMMANDS)
def test_an_example_is_what_the_report_looks_like_today(name: str) -> None:
    kept = (examples.FOLDER / f"{name}.html").read_text(encoding="utf-8")
    assert kept == examples.page(name), "write it anew: python -m tests.proofs.examples"


def test_no_example_is_left_that_nothing_makes() -> None:
    assert {path.stem for path in examples.FOLDER.glob("*.html")} == set(examples.COMMANDS)
