"""What `docs/findings` gives to maintainers of engines compiles and shows what it says, with the jars locked here."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from engines.kafka_streams import engine
from harness.doctor import prepare
from harness.problem import Problem
from harness.provisioning.jars import ensure_jars
from harness.provisioning.progress import Lines

FOLDER = Path(__file__).parents[1] / "docs/findings"
FINDINGS = sorted(path.parent for path in FOLDER.glob("*/reproduce.sh"))

each = pytest.mark.parametrize("finding", FINDINGS, ids=lambda path: path.name)


def test_there_are_findings():
    assert FINDINGS


@each
def test_the_script_is_one_that_a_shell_can_read(finding: Path):
    subprocess.run(["sh", "-n", str(finding / "reproduce.sh")], check=True)


@each
def test_an_unknown_word_is_answered_with_the_usage(finding: Path):
    said = subprocess.run([str(finding / "reproduce.sh"), "nonsense"], capture_output=True, text=True)
    assert said.returncode == 2
    assert "KAFKA_VERSION=4.3.1 ./reproduce.sh" in said.stderr


@pytest.mark.java
@each
def test_the_reproduction_compiles(finding: Path, tmp_path: Path):
    assert (compiled(finding, tmp_path).classes / f"{next(finding.glob('*.java')).stem}.class").exists()


@pytest.mark.java
def test_windows_are_lost_without_a_failure_and_none_with_an_hours_retention(tmp_path: Path):
    program = compiled(FOLDER / "kafka-streams-window-loss", tmp_path)
    words = [f"-Djava.io.tmpdir={tmp_path}", "-cp", f"{program.classes}:{program.jars}", "WindowLoss", "driver", "5"]
    said = subprocess.run([program.java, *words], capture_output=True, text=True, timeout=300)
    assert said.returncode == 0, said.stdout + said.stderr
    rows = [Row.read(line) for line in said.stdout.splitlines() if line.startswith("| ") and line[2].islower()][1:]
    assert rows
    assert all(row.due == row.by_suppress for row in rows)
    assert all(row.lost == 0 for row in rows if "retention 1 h" in row.settings or "emit interval 0" in row.settings)
    assert all(
        row.lost > 0 for row in rows if row.windows.startswith("sliding") and row.settings == "default retention"
    )


@dataclass(frozen=True)
class Compiled:
    java: Path
    classes: Path
    jars: str


@dataclass(frozen=True)
class Row:
    """A line of the table that WindowLoss prints."""

    windows: str
    settings: str
    due: int
    by_suppress: int
    lost: int

    @classmethod
    def read(cls, line: str) -> Row:
        windows, settings, *counts = line.strip("| ").split(" | ")
        due, by_suppress, _, lost, *_ = (int(count.replace(",", "")) if count[0].isdigit() else -1 for count in counts)
        return cls(windows, settings, due, by_suppress, lost)


def compiled(finding: Path, folder: Path) -> Compiled:
    tools = prepare([engine], own_broker=False, report=Lines())[engine.name]
    assert not isinstance(tools, Problem)
    assert tools.java_home is not None
    (source,) = finding.glob("*.java")
    found = [*(jar for group in tools.jars.values() for jar in group), *ensure_jars("findings", Lines())]
    jars = ":".join(map(str, found))
    words = [str(tools.java_home / "bin" / "javac"), "-Werror", "-Xlint:all,-classfile", "-cp", jars, "-d", str(folder)]
    subprocess.run([*words, str(source)], check=True)
    return Compiled(tools.java_home / "bin" / "java", folder, jars)
