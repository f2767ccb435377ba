"""What stands between the results of a run is said beside them."""

from __future__ import annotations

import pytest

from reports.comparison import compare
from reports.sections import comparability
from results.history import METHOD_VERSION
from results.plan import Checkout
from tests import made_up


@pytest.mark.parametrize(("of_run", "of_case"), [(99, 99), (METHOD_VERSION, 6), (6, 6)])
def test_a_method_that_is_newer_older_or_mixed_is_said(of_run: int, of_case: int) -> None:
    cases = [case.model_copy(update={"method_version": of_case}) for case in made_up.pair("continuous")]
    run = made_up.six().model_copy(update={"cases": cases, "method_version": of_run})
    said = [check.text for check in comparability.checks(run, compare(run)) if "method version" in check.text]
    (text,) = said
    assert str(of_case) in text
    assert str(METHOD_VERSION) in text
    assert not [
        check for check in comparability.checks(made_up.six(), compare(made_up.six())) if "method version" in check.text
    ]


def test_when_and_by_which_code_it_was_recorded_is_said() -> None:
    def said(dirty: bool) -> list[tuple[bool, str]]:
        checkout = Checkout(commit="0123456789abcdef0123456789abcdef01234567", dirty=dirty)
        cases = [
            case.model_copy(update={"asked": made_up.plan("a", checkout=checkout)})
            for case in made_up.pair("continuous")
        ]
        run = made_up.six().model_copy(update={"cases": cases})
        checks = comparability.checks(run, compare(run))
        return [(check.good, check.text) for check in checks if check.text.startswith("Recorded from")]

    recorded = "Recorded from 2026-11-30T00:53:20Z on, by Streamgauge 0.1.0, commit 0123456789ab"
    assert said(False) == [(True, f"{recorded}.")]
    assert said(True) == [(False, f"{recorded} with changes.")]
