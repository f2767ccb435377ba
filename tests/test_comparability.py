"""What stands between the results of a run is said beside them."""

from __future__ import annotations

import pytest

from reports.comparison import compare
from reports.sections import comparability
from results.history import METHOD_VERSION
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
