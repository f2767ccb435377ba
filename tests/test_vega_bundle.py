"""A page is made fast and is small: what draws its charts was bundled before, and its results are packed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import vl_convert

from reports import html
from results.result import RunResult
from tests import made_up

BUNDLE = Path(html.__file__).parent / "vega_bundle.js"


def bundled() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script that a page can hold. To make the file anew, write this to it."""
    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return script.replace("</script", r"<\/script")


def test_the_bundle_is_the_one_that_the_locked_vl_convert_makes() -> None:
    assert BUNDLE.read_text(encoding="utf-8") == bundled()


def test_a_page_of_a_hundred_cases_is_small() -> None:
    cases = [case for number in range(50) for case in made_up.pair(f"engine-{number}")]
    assert len(cases) == 100
    run = RunResult(run="r", suite="s", machine=made_up.MACHINE, cases=cases)
    assert len(html.render(run, "streamgauge run quick").encode()) <= 3_000_000


def test_a_page_is_made_without_what_bundles_and_without_what_builds_charts() -> None:
    code = (
        "import sys; from reports import html; from tests import made_up; html.render(made_up.six(), 'x');"
        "print(sorted({'vl_convert'} & set(sys.modules)))"
    )
    root = Path(html.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
