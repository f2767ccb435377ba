"""What draws a page's charts is vl-convert's, made beforehand: a page that is made waits for no bundling."""

from __future__ import annotations

from pathlib import Path

import vl_convert

from reports import html

BUNDLE = Path(html.__file__).parent / "vega_bundle.js"


def bundled() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script that a page can hold. To make the file anew, write this to it."""
    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return script.replace("</script", r"<\/script")


def test_the_bundle_is_the_one_that_the_locked_vl_convert_makes() -> None:
    assert BUNDLE.read_text(encoding="utf-8") == bundled()
