"""Tests that share a cluster run in one process: xdist once ceased to group them without a word."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TEST = """
import pytest

@pytest.mark.xdist_group("shared")
@pytest.mark.parametrize("number", range(4))
def test_one(number):
    pass
"""


def test_tests_of_a_group_run_in_one_process(tmp_path: Path):
    (tmp_path / "test_grouped.py").write_text(TEST)
    command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadgroup", "-v", "-p", "no:cacheprovider"]
    ran = subprocess.run([*command, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stdout
    assert len({line.split()[0] for line in ran.stdout.splitlines() if "PASSED" in line}) == 1, ran.stdout
