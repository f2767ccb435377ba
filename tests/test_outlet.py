"""Who reads what a command prints, or does not, changes nothing of what it does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LISTS = ["list", "workloads"]
KEPT = "docs/results/faults.json.xz"
SPEAKING = [
    LISTS,
    ["list", "engines", "--json"],
    ["judge", KEPT],
    ["judge", KEPT, "--format", "json"],
    ["judge", KEPT, "--format", "markdown"],
    ["compare", KEPT, KEPT],
    ["run", "faults", "--dry-run", "--log", "embedded"],
    ["run", "--help"],
]
"""Commands that print by different means."""


def command(words: list[str], **streams: object) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-c", "from harness.cli import main; main()", *words]
    return subprocess.run(program, cwd=ROOT, text=True, timeout=120, check=False, **streams)  # type: ignore[call-overload]


@pytest.mark.parametrize("words", SPEAKING, ids=" ".join)
def test_a_reader_that_has_gone_changes_no_exit_code(words: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = command(words, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert done.returncode == 0
    assert "error" not in done.stderr


@pytest.mark.parametrize("number", [1, 2])
def test_a_closed_stream_is_silence(number: int) -> None:
    done = command(LISTS, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=lambda: os.close(number))
    assert done.returncode == 0
    assert ("sensors" in done.stdout) == (number == 2)


@pytest.mark.parametrize("words", SPEAKING, ids=" ".join)
def test_a_full_disk_under_the_output_is_told(words: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = command(words, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 4
    assert "error: standard output cannot be written: No space left on device\n" in done.stderr


def test_a_command_that_fails_keeps_its_code_whoever_listens() -> None:
    with Path("/dev/full").open("w") as full:
        assert command(["judge", "absent"], stdout=full, stderr=full).returncode == 2
