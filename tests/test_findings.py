"""What `docs/findings` gives to maintainers of engines still compiles against the jars that are locked here."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from engines.kafka_streams import engine
from harness.doctor import prepare
from harness.problem import Problem
from harness.provisioning.progress import Lines

FINDINGS = sorted(path.parent for path in (Path(__file__).parents[1] / "docs/findings").glob("*/reproduce.sh"))

each = pytest.mark.parametrize("finding", FINDINGS, ids=lambda path: path.name)


def test_there_are_findings():
    assert FINDINGS


@each
def test_the_script_is_one_that_a_shell_can_read(finding: Path):
    subprocess.run(["sh", "-n", str(finding / "reproduce.sh")], check=True)


@pytest.mark.java
@each
def test_the_reproduction_compiles(finding: Path, tmp_path: Path):
    tools = prepare([engine], own_broker=False, report=Lines())[engine.name]
    assert not isinstance(tools, Problem)
    assert tools.java_home is not None
    (source,) = finding.glob("*.java")
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
    subprocess.run([*words, str(source)], check=True)
    assert (tmp_path / f"{source.stem}.class").exists()
