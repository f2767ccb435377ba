"""Decoys are valid events with ids of their own, over all partitions, in a transaction that was aborted and ended."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from harness.failure import TrialFailure
from harness.instruments import decoys as module
from harness.instruments.decoys import DECOYS, Beside, Decoys
from harness.instruments.encoder import Encoder
from harness.instruments.generator import heartbeat_key
from workloads import control
from workloads.sensors import workload
from workloads.stream import DECOY_IDS, Segment, checks, partition_of

PARTITIONS = 4
PARAMETERS = {**workload.defaults, "keys": 1}
SEGMENT = Segment(1_000, 5_000, 1_795_500_000_000, 1000.0)


class Log:
    """A log that keeps what is written, and whose transaction ends after a few looks, or never."""

    def __init__(self, looks: float = 3) -> None:
        self.steps: list[str] = []
        self.records: list[tuple[int, bytes, Any]] = []
        self.looks = looks

    def writer(self, topic: str, transactional_id: str) -> Log:
        self.steps.append(transactional_id)
        return self

    def write(self, partition: int, keys: list[bytes], values: list[bytes]) -> None:
        self.records += [(partition, key, msgspec.json.decode(value)) for key, value in zip(keys, values, strict=True)]

    def __getattr__(self, step: str) -> Any:
        return lambda *_: self.steps.append(step)

    def end_offsets(self, topic: str, partitions: int, isolation: str) -> list[int]:
        if isolation == "read_uncommitted":
            return [9] * partitions
        self.looks -= 1
        return [8, *[9] * (partitions - 1)] if self.looks > 0 else [9] * partitions


def made(log: Any) -> Decoys:
    query = workload.query(PARAMETERS)
    encoder = Encoder(query, PARTITIONS)
    return Decoys(
        log,
        "input",
        PARTITIONS,
        "decoys",
        lambda segment, ids: workload.events(PARAMETERS, 1, segment, np.array(ids)),
        encoder.shares,
        lambda partition, identity, ms: encoder.control(
            heartbeat_key(partition), identity, ms, control.heartbeat(query)
        ),
    )


def test_decoys_are_events_of_the_segment_with_ids_of_their_own_in_an_aborted_transaction():
    log = Log()
    written = made(log).write(SEGMENT, SEGMENT.first, SEGMENT.first + SEGMENT.count)
    assert log.steps == ["decoys", "begin", "flush", "abort", "close"]
    assert (written.first_id, written.count) == (DECOY_IDS, DECOYS)
    own = [event for _, key, event in log.records if not key.startswith(b"~")]
    assert [event["id"] for event in own] == list(range(DECOY_IDS, DECOY_IDS + DECOYS))
    assert [event["check"] for event in own] == checks(np.arange(DECOY_IDS, DECOY_IDS + DECOYS)).tolist()
    real = workload.events(PARAMETERS, 1, SEGMENT, np.arange(SEGMENT.first, SEGMENT.first + SEGMENT.count))
    assert {event["time"] for event in own} <= set(real.times.tolist())
    assert min(event["time"] for event in own) < max(event["time"] for event in own) - 4_000, "spread over the windows"


def test_the_transaction_spans_all_partitions_however_few_keys_there_are():
    log = Log()
    made(log).write(SEGMENT, SEGMENT.first, SEGMENT.first + SEGMENT.count)
    assert {partition for partition, _, _ in log.records} == set(range(PARTITIONS))
    for partition, key, event in log.records:
        assert key.startswith(b"~") or partition == partition_of(key.decode(), PARTITIONS)
        assert event["id"] >= DECOY_IDS


def test_no_id_is_used_twice():
    log = Log()
    decoys = made(log)
    for _ in range(3):
        decoys.write(SEGMENT, SEGMENT.first, SEGMENT.first + SEGMENT.count)
    ids = [event["id"] for _, _, event in log.records]
    assert len(set(ids)) == len(ids)


def test_a_transaction_that_does_not_end_is_a_failure_of_the_trial(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_ENDED_S", 0.05)
    with pytest.raises(TrialFailure, match=r"was not seen to end .* \[8, 9, 9, 9\] of \[9, 9, 9, 9\]"):
        made(Log(float("inf"))).write(SEGMENT, 1_000, 1_100)
    with pytest.raises(TrialFailure, match="was not seen to end"):
        Beside(lambda: made(Log(float("inf"))).write(SEGMENT, 1_000, 1_100)).result()


def test_decoys_beside_the_load_are_those_that_were_written():
    beside = Beside(lambda: made(Log()).write(SEGMENT, 1_000, 1_010))
    assert beside.result().count == 10
