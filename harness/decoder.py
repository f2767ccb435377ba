"""A program of a user's that makes JSON of values in a format of its own, such as Avro or Protobuf, a value at a time.

It is given each value behind its length, four bytes (big-endian), and prints one line for each, in their order and at
once. What it cannot decode it answers with a line that is no JSON object, such as `null`.
"""

from __future__ import annotations

import os
import selectors
import struct
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from engines.logs.protocol import LogRecord
from engines.output_reading import Decoding
from engines.process import tail
from harness.failure import TrialFailure
from harness.host import own
from harness.host.brood import end_with_all
from harness.id_reading import IdReading, ValueAlone
from harness.user_command import begun

PREFIX_BYTES = 5
"""What a schema registry's clients write before a value: a byte that is zero, and the schema's number in four."""

DECODER_LOG = "decoder.log"
"""Where its standard error is, in the folder of a trial's logs."""

DECODE_S = 60.0
"""How long it may take to answer values that it is given together."""

MOST_LINE = 16 << 20
"""Bytes that the line of one value may have."""

_TOGETHER = 1_000
_PIECE = 1 << 16
_LOOK_S = 0.1
_END_S = 5.0
_SHOWN = 40


class Decoder:
    """Started with the first value. Any thread may use it."""

    def __init__(self, decoding: Decoding, log: Path, decode_s: float = DECODE_S, most_line: int = MOST_LINE) -> None:
        """log: gets its standard error, behind what is there."""
        self._decoding, self._log, self._decode_s, self._most_line = decoding, log, decode_s, most_line
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._over = False

    def __call__(self, values: Sequence[bytes | None]) -> list[bytes]:
        """A line for each value. Those that the decoder is not given say why they are no rows.

        Raises TrialFailure if it ends, or does not answer in time, or answers more than it was asked.
        """
        found = [self._unfit(value) for value in values]
        given = [value[self._cut :] for value, why in zip(values, found, strict=True) if value is not None and not why]
        lines: list[bytes] = []
        with self._lock:
            for first in range(0, len(given), _TOGETHER):
                lines += self._decode(given[first : first + _TOGETHER])
        answered = iter(lines)
        return [why or next(answered) for why in found]

    def finish(self) -> None:
        """The same as `close`, once all was decoded. Raises TrialFailure if it printed more than it was asked: where
        lines are many, each may have been taken for another value's.
        """
        with self._lock:
            child = self._child
            if child is not None and self._prints_more(child):
                raise self._failed("printed more than one line for a value", "have it print one line for each value")
        self.close()

    def _prints_more(self, child: subprocess.Popen[bytes]) -> bool:
        """Whether anything comes until it closes its output, at the end of its input, or for some seconds."""
        assert child.stdin is not None, "it is a pipe"  # noqa: S101
        assert child.stdout is not None, "it is a pipe"  # noqa: S101
        child.stdin.close()
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            return bool(selector.select(_END_S) and os.read(child.stdout.fileno(), _PIECE))

    def close(self) -> None:
        """End of its input; killed with all that it started if it does not end. May be called twice."""
        with self._lock:
            self._over = True
            child, self._child = self._child, None
            if child is None:
                return
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    with suppress(OSError):
                        pipe.close()
            with suppress(subprocess.TimeoutExpired):
                child.wait(_END_S)
            end_with_all(child)

    @property
    def _cut(self) -> int:
        return PREFIX_BYTES if self._decoding.prefixed else 0

    def _unfit(self, value: bytes | None) -> bytes:
        """Why the decoder is not given a value, as a line; empty where it is."""
        if value is None:
            return b"no value"
        if self._decoding.prefixed and (len(value) < PREFIX_BYTES or value[0] != 0):
            return b"no schema registry's prefix before: " + value[:_SHOWN].hex().encode()
        return b""

    def _decode(self, values: Sequence[bytes]) -> list[bytes]:
        child = self._started()
        self._refuse_unasked(child)
        asked = memoryview(b"".join(struct.pack(">I", len(value)) + value for value in values))
        lines: list[bytes] = []
        rest = bytearray()
        deadline_s = time.monotonic() + self._decode_s
        assert child.stdin is not None, "it is a pipe"  # noqa: S101
        assert child.stdout is not None, "it is a pipe"  # noqa: S101
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdin, selectors.EVENT_WRITE)
            selector.register(child.stdout, selectors.EVENT_READ)
            while len(lines) < len(values):
                for key, _ in selector.select(_LOOK_S):
                    if key.fileobj is child.stdin:
                        asked = self._give(key.fd, asked)
                        if not asked:
                            selector.unregister(child.stdin)
                        continue
                    piece = os.read(key.fd, _PIECE)
                    if not piece:
                        raise self._ended(child)
                    *whole, rest = (rest + piece).split(b"\n")
                    lines += [bytes(line.rstrip(b"\r")) for line in whole]
                    if max(map(len, (*whole, rest))) > self._most_line:
                        raise self._failed(f"printed a line of more than {self._most_line:,} bytes")
                if time.monotonic() > deadline_s:
                    answered = f"answered {len(lines)} of {len(values)} values within {self._decode_s:g} s"
                    raise self._failed(answered, "have it print and flush one line for each value")
        if len(lines) > len(values) or rest:
            raise self._failed("printed more than one line for a value", "have it print one line for each value")
        return lines

    def _refuse_unasked(self, child: subprocess.Popen[bytes]) -> None:
        """What it printed since its last answer would be taken for the next one."""
        assert child.stdout is not None, "it is a pipe"  # noqa: S101
        with suppress(BlockingIOError):
            if not os.read(child.stdout.fileno(), _PIECE):
                raise self._ended(child)
            raise self._failed("printed a line that it was not asked for", "have it print one line for each value")

    def _give(self, pipe: int, asked: memoryview) -> memoryview:
        """What is left to be written."""
        with suppress(BrokenPipeError):  # What it prints, or that it ends, says more.
            return asked[os.write(pipe, asked[:_PIECE]) :]
        return asked[:0]

    def _started(self) -> subprocess.Popen[bytes]:
        if self._over:
            raise TrialFailure("a value is to be decoded after the decoder was ended", str(self._log))
        if self._child is not None:
            return self._child
        command = self._decoding.decoder
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            child = begun(command, "the decoder of `output`", subprocess.PIPE, subprocess.PIPE, log)
        own.register(child.pid)
        self._child = child
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
        return child

    def _ended(self, child: subprocess.Popen[bytes]) -> TrialFailure:
        with suppress(subprocess.TimeoutExpired):
            child.wait(_END_S)
        code = child.returncode
        how = "closed its output" if code is None else f"ended with exit code {code}"
        return self._failed(how, "it is to run until the end of its input")

    def _failed(self, how: str, remedy: str = "") -> TrialFailure:
        what = f"the decoder of `output` {how}; its last lines:\n{tail(self._log)}"
        return TrialFailure(what, str(self._log), remedy)


class DecodedReading:
    """Implements `engines.logs.protocol.RecordReading`: what the decoder makes of each record's value."""

    def __init__(self, decoder: Decoder, ids: IdReading | None) -> None:
        """ids: how what is decoded tells an id alone; None where it is a row of the query."""
        self._decoder, self._ids = decoder, ids

    def __call__(self, records: Sequence[LogRecord]) -> list[bytes]:
        held = [record.value() for record in records]
        return self.of_values([value.encode() if isinstance(value, str) else value for value in held])

    def of_values(self, values: Sequence[bytes | None]) -> list[bytes]:
        """The row that each value is."""
        lines = self._decoder(values)
        return lines if self._ids is None else self._ids([ValueAlone(line) for line in lines])
