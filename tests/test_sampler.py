"""The sampler and the channel between the instruments and the harness."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from harness.failure import TrialFailure
from harness.instruments.channel import Instrument
from harness.instruments.sampler import Statistics
from results.history import SAMPLES


def test_cpu_and_memory_of_a_process_are_those_it_used():
    code = (
        "import time; block = bytearray(50_000_000); end = time.process_time() + 0.5\n"
        "while time.process_time() < end: pass\n"
        "print(flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        statistics = Statistics(child.pid)
        read, share = statistics.cpu_and_rss(), statistics.pss()
        child.kill()
    assert read is not None and share is not None
    assert 0.45 <= read[0] <= 1.5
    assert read[1] >= 50_000_000
    assert 50_000_000 <= share <= read[1] * 1.05


def test_a_process_that_is_gone_has_no_figures():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    statistics = Statistics(child.pid)
    child.communicate()
    assert statistics.cpu_and_rss() is None
    assert statistics.pss() is None
    statistics.close()
    with pytest.raises(FileNotFoundError):
        Statistics(child.pid)


def test_the_sampler_stores_samples_by_role_and_ends_with_its_channel(tmp_path: Path):
    sampler = Instrument("sampler", "harness.instruments.sampler", {"folder": str(tmp_path)}, tmp_path / "sampler.log")
    sampler.wait_ready()
    sampler.ask({"do": "watch", "roles": {"worker": [os.getpid()], "sampler": [sampler.pid]}}, 10)
    time.sleep(0.5)
    sampler.close()
    table = pq.read_table(tmp_path / "samples", schema=SAMPLES)
    assert set(table["role"].to_pylist()) == {"worker", "sampler"}
    assert table["pss_bytes"].null_count < table.num_rows
    with pytest.raises(ProcessLookupError):
        os.kill(sampler.pid, 0)


def test_an_instrument_that_dies_says_so_with_its_last_lines(tmp_path: Path):
    with pytest.raises(TrialFailure, match=r"(?s)sampler ended with exit code 1 .*KeyError: 'folder'"):
        Instrument("sampler", "harness.instruments.sampler", {}, tmp_path / "sampler.log").wait_ready()
