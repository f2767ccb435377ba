"""An engine from outside that knows the embedded log alone goes through the suite, without Kafka and without Java."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

ENGINE = """
from engines.runtime.cluster import BuiltinEngine


class EmbeddedAlone(BuiltinEngine):
    logs = ("embedded",)


engine = EmbeddedAlone("engines.continuous", "the continuous runner, which is said to know no Kafka", "SQLite")
engine.name = "embedded-alone"
"""

REFUSING = """
from engines.protocol import EngineFailure, Support
from engines.runtime.cluster import BuiltinEngine


class Refusing(BuiltinEngine):
    logs = ("embedded",)

    def support(self, query, guarantee, mode):
        return Support("unsupported", "it says so")

    def open(self, site):
        return self

    def submit(self, job):
        if job.query.time_window is not None:
            raise EngineFailure("windows of time are refused")
        raise RuntimeError("something else is wrong")

    def close(self):
        pass


engine = Refusing("engines.continuous", "says that it answers nothing", "none")
engine.name = "embedded-alone"
"""


def conformance(folder: Path, source: str, *tests: str) -> subprocess.CompletedProcess[str]:
    """These tests of the suite, run as by somebody whose package, in this folder, brings the engine."""
    (folder / "embedded_alone.py").write_text(source)
    told = folder / "embedded_alone-1.0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: embedded-alone\nVersion: 1.0\n")
    (told / "entry_points.txt").write_text("[streamgauge.engines]\nembedded-alone = embedded_alone:engine\n")
    paths = [f"tests/conformance/{test}" for test in tests]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not java", *paths]
    environment = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)


def test_an_engine_on_the_embedded_log_alone_passes(tmp_path: Path) -> None:
    ran = conformance(
        tmp_path,
        ENGINE,
        "test_continuity.py::test_a_stop_and_restart_in_the_middle_keeps_state[embedded-alone-payments]",
        "test_edges.py::test_a_record_that_is_no_event_is_skipped_or_fatal_as_declared_and_never_silent",
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "2 passed" in ran.stdout


def test_a_refusal_is_expected_and_any_other_error_is_red(tmp_path: Path) -> None:
    odd = "test_edges.py::test_odd_keys_and_times_are_taken_as_they_are[embedded-alone"
    ran = conformance(tmp_path, REFUSING, f"{odd}-tumbling]", f"{odd}-running]")
    assert "1 failed, 1 xfailed" in ran.stdout, ran.stdout + ran.stderr
    assert "RuntimeError: something else is wrong" in ran.stdout
