"""What a job file says of a user's own program, read and checked."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engines.protocol import Claim, Environment, Poison, Terms
from workloads.query import Query


@dataclass(frozen=True)
class Command:
    """A program that is started without a shell. Words and values may have placeholders."""

    words: tuple[str, ...]
    """The program and what it is given, at least one word."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Variables beside those of this process."""


@dataclass(frozen=True)
class Ready:
    """By what it is told that the job is ready: what is not None, all of it."""

    group: str | None = None
    """A consumer group, whose members then have all partitions of the input."""
    line: str | None = None
    """A text that each worker prints in a line."""
    port: int | None = None
    """A port of 127.0.0.1 that then takes connections."""


@dataclass(frozen=True)
class Progress:
    """By what it is told how far the job is: one of the two."""

    group: str | None = None
    """A consumer group that commits its offsets of the input."""
    client: str | None = None
    """What each worker's client.id is, or begins with before a `-`; None where it is not told which worker has which
    partitions."""
    command: Command | None = None
    """It prints how often the job has committed, and of how many input records."""


@dataclass(frozen=True)
class Stop:
    """How the job is ended in good order."""

    command: Command | None = None
    """What is run first; None for nothing."""
    signal: signal.Signals = signal.SIGTERM
    """What its processes are sent then."""
    timeout_s: float = 20.0
    """How long they get before they are killed, in seconds."""


@dataclass(frozen=True)
class Output:
    """How the output is read where it is no topic of JSON records: one of the two commands, or none."""

    rows: Command | None = None
    """It prints all rows that are there, as JSON lines; None where the output is a topic."""
    decoder: Command | None = None
    """It makes JSON of the topic's values; None where they are JSON."""
    prefixed: bool = False
    """Beside the decoder: whether each value begins with a schema registry's five bytes."""


@dataclass(frozen=True)
class Description:
    """A job file."""

    name: str
    """As users type it."""
    file: Path
    """The file itself, by its whole path; commands run in its folder."""
    sha256: str
    """Of the file, in hexadecimal."""
    worker: Command
    """What each worker is."""
    coordinator: Command | None
    """What runs beside them; None for nothing."""
    build: Command | None
    """What makes the program, before its first start; None for nothing."""
    ready: Ready
    """When it is ready."""
    progress: Progress | None
    """How far it is; None where that is not told."""
    stop: Stop
    """How it is ended."""
    claim: Claim
    """What it promises."""
    poison: Poison
    """What it does with a record that is no event."""
    query: Query
    """What it answers."""
    terms: Terms
    """What it has by itself."""
    environment: Environment
    """What it needs on the machine: what its placeholders name."""
    output: Output = Output()
    """How its output is read."""

    @property
    def folder(self) -> Path:
        """Where commands run."""
        return self.file.parent
