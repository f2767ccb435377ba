"""What those who write a history say that they stored, and the manifest that is made of it at the end of the trial."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from harness.failure import TrialFailure
from harness.instruments.channel import Instrument
from results import manifest
from results.history import NotStored


@dataclass
class Stored:
    """rows: how many, by table. positions: by table, up to which offset of each partition the log was read for it."""

    rows: dict[str, int] = field(default_factory=dict)
    positions: dict[str, list[int]] = field(default_factory=dict)


class Record:
    """The record of one trial, in the folder of its history."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows: Counter[str] = Counter()
        self._positions: dict[str, list[int]] = {}
        self._failure: TrialFailure | None = None

    def add(self, stored: Stored) -> None:
        self._rows.update(stored.rows)
        self._positions |= stored.positions

    def end(self, instrument: Instrument) -> None:
        """End an instrument and note what it stored. The first that failed is kept for `check`."""
        try:
            said = instrument.end()
        except TrialFailure as failure:
            self._failure = self._failure or failure
            return
        self.add(Stored(said.get("stored", {}), {"output": said["positions"]} if "positions" in said else {}))

    def check(self) -> None:
        """Raises the TrialFailure of an instrument that did not end well."""
        if self._failure is not None:
            raise self._failure

    def seal(self) -> None:
        """Write the manifest: nothing is written to the history after it."""
        with suppress(NotStored):  # The judge says that there is none.
            manifest.write(self._folder, self._rows, self._positions)
