"""Keys and the codes that stand for them in columns."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from .words import WORD, Integers, Text, Words

_LONGEST = 2 * WORD - 1
_MIX_1, _MIX_2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)
_SPARSE = 16
_FIRST_BITS = 12


class Labels:
    """Keys by code, and codes by key. Codes count from 0.

    Spans of a text are looked up in a table: two words that hold a key of up to 15 bytes and its length, at a place
    given by their hash or at its neighbour. A key that is not in the table goes through a dictionary.
    """

    def __init__(self, keys: Iterable[str] = ()) -> None:
        self.texts: list[str] = []
        self.bytes: list[bytes] = []
        self._codes: dict[str, int] = {}
        self._make_table(_FIRST_BITS)
        for key in keys:
            self.code(key)

    def __len__(self) -> int:
        return len(self.texts)

    def code(self, key: str) -> int:
        found = self._codes.get(key)
        if found is None:
            found = self._codes[key] = len(self.texts)
            self.texts.append(key)
            self.bytes.append(key.encode())
            if len(self.texts) * _SPARSE > 1 << self._bits:
                self._make_table(self._bits + 2)
            else:
                self._insert(found)
        return found

    def _make_table(self, bits: int) -> None:
        self._bits = bits
        self._first: Words = np.zeros(1 << bits, np.uint64)
        self._second: Words = np.zeros(1 << bits, np.uint64)
        self._table: Integers = np.full(1 << bits, -1, np.int64)
        for code in range(len(self.texts)):
            self._insert(code)

    def _insert(self, code: int) -> None:
        key = self.bytes[code]
        # A control character in a JSON string stands for itself only as an escape: such a key never matches a text.
        if len(key) > _LONGEST or any(byte < ord(" ") or byte in b'"\\' for byte in key):
            return
        padded = np.frombuffer(key.ljust(_LONGEST, b"\0") + bytes([len(key)]), "<u8").astype(np.uint64)
        first, second = padded[:1], padded[1:]
        place = int(self._places(first, second)[0])
        for free in (place, place ^ 1):
            if self._table[free] < 0:
                self._first[free], self._second[free], self._table[free] = first[0], second[0], code
                return

    def _places(self, first: Words, second: Words) -> Integers:
        mixed: NDArray[np.uint64] = (first ^ (second * _MIX_1)) * _MIX_2
        places: Integers = (mixed >> np.uint64(64 - self._bits)).astype(np.int64)
        return places

    def codes_in(self, text: Text, starts: Integers, ends: Integers) -> tuple[Integers, Integers]:
        """Codes of the keys in these spans, and the indices of those that are not in the table (code -1)."""
        lengths = ends - starts
        shifts = (8 * np.maximum(WORD - lengths, 0)).astype(np.uint64)
        first = (text.words(starts) << shifts) >> shifts
        shifts = (8 * np.clip(2 * WORD - lengths, 0, WORD)).astype(np.uint64)
        second = (text.words(starts, WORD) << shifts) >> shifts
        second |= np.minimum(lengths, _LONGEST + 1).astype(np.uint64) << np.uint64(56)
        places = self._places(first, second)
        codes = np.where((self._first[places] == first) & (self._second[places] == second), self._table[places], -1)
        missed = np.flatnonzero(codes < 0)
        if len(missed):
            places = places[missed] ^ 1
            same = (self._first[places] == first[missed]) & (self._second[places] == second[missed])
            codes[missed] = np.where(same, self._table[places], -1)
            missed = missed[codes[missed] < 0]
        return codes, missed
