"""Transactions are read off the files of a real broker as its clients made them."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.logs import connect
from harness.broker import Broker
from harness.broker_files import batches, store
from harness.doctor import prepare_broker
from harness.provisioning.progress import Lines
from results.verdict.transactions import parts_of, transactions


@pytest.fixture
def node(tmp_path: Path):
    java, jars = prepare_broker(Lines())
    made = Broker(tmp_path / "broker", tmp_path / "logs", java.home, jars)
    made.start()
    yield made
    made.stop()


@pytest.mark.java
def test_each_transaction_is_found_with_its_partitions_and_its_end(node: Broker, tmp_path: Path):
    log = connect(node.harness_address, "kafka")
    log.create("output", 2)
    plain = log.writer("output")
    plain.write(0, [b"k"], [b"no transaction"])
    plain.flush(10)
    writer = log.writer("output", "one")
    for partitions, commit in (((0, 1), True), ((1,), True), ((0, 1), False)):
        writer.begin()
        for partition in partitions:
            writer.write(partition, [b"k"] * 3, [b"{}"] * 3)
        writer.flush(10)
        (writer.commit if commit else writer.abort)(10)
    writer.begin()
    writer.write(0, [b"k"], [b"left open"])
    writer.flush(10)
    found = [batch for partition in range(2) for batch in batches(node.data / f"output-{partition}", partition)]
    told = [[(part.partition, part.end) for part in one] for one in transactions(parts_of(found))]
    assert [sorted(one) for one in told] == [
        [(0, "commit"), (1, "commit")],
        [(1, "commit")],
        [(0, "abort"), (1, "abort")],
        [(0, "open")],
    ]
    folder = tmp_path / "history"
    folder.mkdir()
    store(node.data, "output", 2, folder)
    assert len(list((folder / "batches").glob("*.parquet"))) == 2
    writer.close()
    plain.close()


def test_what_is_no_log_is_refused(tmp_path: Path):
    (tmp_path / "0.log").write_bytes(b"x" * 100)
    with pytest.raises(ValueError, match="holds no record batch of version 2 at byte 0"):
        list(batches(tmp_path, 0))
