"""Charts as image files: whole, in colours, and of names that nobody chose."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from reports import images
from reports.comparison import compare
from reports.figures import figures
from tests import made_up, made_up_strikes


def test_each_chart_is_an_svg_and_a_png(tmp_path: Path) -> None:
    run = made_up_strikes.faults()
    paths = images.write(run, tmp_path / "new" / "folder")
    assert len(paths) == 2 * sum(len(figures(each)) for each in compare(run)) > 4
    for path in paths:
        content = path.read_bytes()
        assert content.startswith(b"<svg" if path.suffix == ".svg" else b"\x89PNG")
        assert b"var(--" not in content


def test_an_image_says_what_it_shows_and_of_what() -> None:
    (comparison,) = compare(made_up.six())
    spec = images.standalone(figures(comparison)[0], comparison.title)
    assert spec["title"]["text"] == figures(comparison)[0].title
    assert spec["title"]["subtitle"] == comparison.title
    assert spec["width"] > 0


def test_without_what_draws_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from harness import cli
    from results import store

    store.save(tmp_path, made_up.six())
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    page, folder = str(tmp_path / "page.html"), str(tmp_path / "images")
    assert cli.execute(["report", str(tmp_path / "result.json"), "-o", page, "--images", folder]) == 2
    assert "streamgauge[images]" in capsys.readouterr().err
