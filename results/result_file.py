"""A result that is a file by itself: result.json, also packed by xz, from whomever."""

from __future__ import annotations

import lzma
from pathlib import Path

from pydantic import ValidationError

from results.history import first_problem
from results.result import RunResult
from results.store import DamagedRun
from workloads.regular_file import MOST_TEXT_BYTES, read_regular

_XZ = b"\xfd7zXZ\x00"
"""How a file that xz packed begins."""

_MOST_MEMORY = 1 << 27
"""Bytes of memory for unpacking: what `xz -9` needs is half of it."""


class _Bomb(Exception):
    """A packed file that is larger than what is read."""


def read(path: Path) -> RunResult:
    """The result in a file; how it is called does not matter. Raises DamagedRun."""
    try:
        content = read_regular(path)
        return RunResult.model_validate_json(_unpacked(content) if content.startswith(_XZ) else content)
    except OSError as error:
        raise DamagedRun(f"cannot be read: {error.strerror}", path, "check the path and its permissions") from error
    except _Bomb:
        what = f"it is packed, and larger than the {MOST_TEXT_BYTES:,} bytes that are read"
        raise DamagedRun(what, path, "name a result.json of a run") from None
    except (lzma.LZMAError, EOFError, MemoryError) as error:
        raise DamagedRun(f"it cannot be unpacked: {error}", path, "fetch it again: it is damaged") from error
    except ValidationError as error:
        what = f"this is no result: {first_problem(error)}"
        raise DamagedRun(what, path, "name a run's folder, its result.json, or one that xz packed") from error


def _unpacked(packed: bytes) -> bytes:
    """What xz packed, as one stream. Raises _Bomb, LZMAError and EOFError."""
    unpacking = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MOST_MEMORY)
    content = unpacking.decompress(packed, MOST_TEXT_BYTES)
    # What is left may be the end of the stream and nothing more.
    if not unpacking.eof and not unpacking.needs_input and unpacking.decompress(b"", 1):
        raise _Bomb
    if not unpacking.eof:
        raise EOFError("its end is missing")
    if unpacking.unused_data.strip(b"\0"):
        raise EOFError("something stands behind its end")
    return content
