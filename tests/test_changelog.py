"""CHANGELOG.md says what changelog.d/ says, and a release moves that behind it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.proofs.changelog import MARK, NAME, ROOT, draft, text


def test_what_is_not_released_yet_is_what_the_fragments_say() -> None:
    assert (ROOT / NAME).read_text(encoding="utf-8") == text(ROOT), "write it anew: python -m tests.proofs.changelog"


def test_a_release_moves_the_fragments_behind_what_is_not_released(tmp_path: Path) -> None:
    for name in ("pyproject.toml", NAME):
        shutil.copy(ROOT / name, tmp_path)
    fragments = tmp_path / "changelog.d"
    fragments.mkdir()
    shutil.copy(ROOT / "changelog.d" / "README.md", fragments)
    (fragments / "7.feature.1.md").write_text("It sings.\n")
    told = draft(tmp_path)
    words = ["build", "--version", "9.8.7", "--date", "2030-01-02", "--yes", "--dir", str(tmp_path)]
    subprocess.run([sys.executable, "-m", "towncrier", *words], capture_output=True, check=True)
    assert [path.name for path in fragments.iterdir()] == ["README.md"]
    unreleased, _, released = text(tmp_path).partition(MARK)
    assert told == "### Added\n\n- It sings. (#7)"
    assert "It sings" not in unreleased
    assert released.lstrip().startswith(f"## 9.8.7 (2030-01-02)\n\n{told}\n")
