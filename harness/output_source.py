"""Where the rows of a trial's output come from: its topic as it is or decoded, or a command that prints them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engines.logs.protocol import Log, Rereading
from engines.output_reading import Decoding, Invocation, ReadByCommand
from engines.protocol import Engine, Job, OnItsOwnTerms, Site
from harness.decoder import DECODER_LOG, DecodedReading, Decoder
from harness.failure import TrialFailure
from harness.id_reading import IdReading, read_ids


@dataclass(frozen=True)
class OutputSource:
    """Of one trial."""

    topic: str
    """The output topic, which stays empty where a command prints the rows."""
    ids: IdReading | None = None
    """How rows that tell an id alone are read; None where rows are the query's."""
    command: Invocation | None = None
    """What prints the rows; None where they are in the topic."""
    decoding: Decoding | None = None
    """How the topic's values become JSON; None where they are."""

    @property
    def module(self) -> str:
        """The instrument that collects the rows."""
        return f"harness.instruments.{'collector' if self.command is None else 'polled_collector'}"

    @property
    def setup(self) -> dict[str, Any]:
        """What that is told of it."""
        told: dict[str, Any] = {"topic": self.topic, "ids": None if self.ids is None else asdict(self.ids)}
        if self.command is not None:
            told["command"] = _plain(self.command)
        if self.decoding is not None:
            told["decoding"] = {"decoder": _plain(self.decoding.decoder), "prefixed": self.decoding.prefixed}
        return told

    def attach(self, logs: Iterable[Log | None], folder: Path, stack: ExitStack) -> None:
        """Have our own logs give rows as well. folder: of the trial's logs. stack: ends the decoders.

        Raises TrialFailure for a log whose records cannot be read so.
        """
        for log in logs:
            if log is None or self.command is not None:
                continue
            if self.decoding is not None:
                # One for each log: they are read on threads of their own.
                decoder = Decoder(self.decoding, folder / DECODER_LOG)
                stack.callback(decoder.close)
                _read_decoded(log, self.topic, DecodedReading(decoder, self.ids))
            elif self.ids is not None:
                read_ids(log, self.topic, self.ids)


def _read_decoded(log: Log, topic: str, reading: DecodedReading) -> None:
    if not isinstance(log, Rereading):
        raise TrialFailure("this log has no records that could be decoded", topic, "use --log kafka")
    log.read_as(topic, reading)


def _plain(command: Invocation) -> dict[str, Any]:
    return {"words": list(command.words), "env": dict(command.env), "folder": command.folder}


def source_of(engine: Engine, job: Job, keys: int, site: Site) -> OutputSource:
    """keys: how many the stream has, where rows tell an id alone. site: where commands find what the job needs."""
    ids = None
    if isinstance(engine, OnItsOwnTerms) and (place := engine.terms.id_place) is not None:
        ids = IdReading(place.kind, place.name, keys, job.input.partitions)
    if not isinstance(engine, ReadByCommand):
        return OutputSource(job.output.name, ids)
    return OutputSource(job.output.name, ids, engine.row_command(job, site), engine.decoding(job, site))
