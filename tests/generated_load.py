"""A load generator on an embedded log in a folder, and what it sent there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engines.logs import connect
from harness.instruments.generator import Generator

PARTITIONS = 4


@contextmanager
def generator(folder: Path, workload: str, parameters: Mapping[str, Any], **more: Any) -> Iterator[Generator]:
    """more: of its setup."""
    log = connect(folder / "log", "embedded")
    log.create("in", PARTITIONS)
    made = Generator(
        {
            "workload": workload,
            "parameters": parameters,
            "seed": 7,
            "partitions": PARTITIONS,
            "topic": "in",
            "transactional_id": "t",
            "log": "embedded",
            "address": str(folder / "log"),
            "folder": str(folder),
            **more,
        }
    )
    yield made
    made.close()
    log.close()


def committed(folder: Path) -> list[tuple[int, dict[str, Any]]]:
    """(partition, event) of everything a read_committed reader is given at once."""
    log = connect(folder / "log", "embedded")
    reader = log.reader("in", PARTITIONS)
    found = []
    while chunks := reader.poll(0.2):
        found += [(chunk.partition, json.loads(value)) for chunk in chunks for value in chunk.values]
    reader.close()
    log.close()
    return found
