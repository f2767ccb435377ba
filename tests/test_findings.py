"""What `docs/findings` gives to maintainers of engines still compiles against the jars that are locked here."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from engines.kafka_streams import engine
from harness.doctor import prepare
from harness.problem import Problem
from harness.provisioning.progress import Lines

FINDING = Path(__file__).parents[1] / "docs" / "findings" / "kafka-streams-window-loss"


def test_the_script_is_one_that_a_shell_can_read():
    subprocess.run(["sh", "-n", str(FINDING / "reproduce.sh")], check=True)


@pytest.mark.java
def test_the_reproduction_compiles(tmp_path: Path):
    tools = prepare([engine], own_broker=False, report=Lines())[engine.name]
    assert not isinstance(tools, Problem)
    assert tools.java_home is not None
    jars = ":".join(str(jar) for group in tools.jars.values() for jar in group)
    words = [
        str(tools.java_home / "bin" / "javac"),
        "-Werror",
        "-Xlint:all,-classfile",
        "-cp",
        jars,
        "-d",
        str(tmp_path),
    ]
    subprocess.run([*words, str(FINDING / "WindowLoss.java")], check=True)
    assert (tmp_path / "WindowLoss.class").exists()
