"""Text as numpy words of eight bytes, read at any position: many short pieces compared or parsed at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Words = NDArray[np.uint64]

WORD = 8
_PADDING = b"\0" * (2 * WORD)
"""Stands before and after a text, so that a word or two may be read around any position in it."""

_ZEROS = np.uint64(0x3030303030303030)
_TOO_MUCH = np.uint64(0x7676767676767676)
_HIGH_BITS = np.uint64(0x8080808080808080)
_TEN_TO_8 = np.uint64(10**8)
_ZERO = np.uint8(ord("0"))
_LIMIT = 1 << 53


class Text:
    """Two lines or more, with paddings around them. Positions count from the first byte.

    bytes: the text as numbers, and the padding after it.
    """

    def __init__(self, lines: Sequence[bytes]) -> None:
        self._padded = b"\n".join((_PADDING + lines[0], *lines[1:-1], lines[-1] + _PADDING))
        self.length = len(self._padded) - 2 * len(_PADDING)
        self.bytes = np.frombuffer(self._padded, np.uint8, offset=len(_PADDING))
        self._words: Words = np.ndarray((len(self._padded) - WORD + 1,), "<u8", self._padded, 0, (1,))

    def words(self, positions: Integers, offset: int = 0) -> Words:
        """The eight bytes from `offset` (-16 to 16) behind each position on, little-endian."""
        # A shifted view costs nothing, where adding the offset to all positions would.
        found: Words = self._words[len(_PADDING) + offset :][positions]
        return found

    def part(self, start: int, end: int) -> bytes:
        return self._padded[len(_PADDING) + start : len(_PADDING) + end]

    def has(self, piece: bytes, starts: Integers) -> bool:
        """Whether the text has this piece at all of these positions, none of them in the padding.

        Words are compared in order, and only where all before them are the piece's: so none is read beyond the padding.
        """
        offsets = [*range(0, len(piece) - WORD + 1, WORD)]
        if len(piece) % WORD and len(piece) > WORD:
            offsets.append(len(piece) - WORD)
        for offset in offsets:
            word = np.frombuffer(piece, "<u8", 1, offset)[0]
            if not (self.words(starts, offset) == word).all():
                return False
        if len(piece) < WORD:
            shift = np.uint64(8 * (WORD - len(piece)))
            word = np.frombuffer(piece.rjust(WORD, b"\0"), "<u8")[0]
            return bool(((self.words(starts) << shift) == word).all())
        return True


def _parse(words: Words, lengths: Integers | int) -> tuple[Words, bool]:
    """Numbers whose decimal digits are the last `lengths` bytes (0 to 8) of each word, and whether they are digits.

    Digits are added up pairwise, then by fours, then by eights: D. Lemire, "Quickly parsing eight digits" (2018).
    """
    # A shift by all 64 bits gives 0 in numpy, which is what no digits should give.
    shifts = np.asarray(8 * WORD - 8 * lengths).view(np.uint64)
    digits = ((words >> shifts) << shifts) ^ ((_ZEROS >> shifts) << shifts)
    valid = not np.bitwise_or.reduce((digits + _TOO_MUCH) | digits) & _HIGH_BITS
    digits = (digits * np.uint64(10) + (digits >> np.uint64(8))) & np.uint64(0x00FF00FF00FF00FF)
    digits = (digits * np.uint64(100) + (digits >> np.uint64(16))) & np.uint64(0x0000FFFF0000FFFF)
    return (digits * np.uint64(10_000) + (digits >> np.uint64(32))) & np.uint64(0xFFFFFFFF), valid


def integers(text: Text, starts: Integers, ends: Integers) -> Integers | None:
    """The JSON integers in these spans, or None if one is none, or not below 2**53."""
    lengths = ends - starts
    longest, shortest = int(lengths.max()), int(lengths.min())
    if longest > 2 * WORD or shortest < 1:
        return None
    if longest > 1 and ((text.bytes[starts] == _ZERO) & (lengths > 1)).any():
        return None
    # One length for all, which is common, saves a third of the work.
    numbers, valid = _parse(
        text.words(ends, -WORD),
        min(longest, WORD) if min(longest, WORD) == min(shortest, WORD) else np.minimum(lengths, WORD),
    )
    if longest > WORD:
        upper, valid_too = _parse(
            text.words(ends, -2 * WORD),
            longest - WORD if longest == shortest else np.maximum(lengths - WORD, 0),
        )
        numbers += upper * _TEN_TO_8
        valid = valid and valid_too
    values: Integers = numbers.view(np.int64)
    return values if valid and (longest < 2 * WORD or int(values.max()) < _LIMIT) else None
