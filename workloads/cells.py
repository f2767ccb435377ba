"""What the cells of one column of a user's file mean: times, keys, values. Whatever cannot be told is refused."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from workloads.stream import CONTROL, Integers
from workloads.workload import Unfit

Mask = NDArray[np.bool_]

LARGEST = 2**53
"""Values, times the scale, are smaller than this, and larger than its negative."""

_EXACT, _ROUNDING = 1e-6, 2.0**-50
"""How far from an integer a scaled decimal may be, absolutely and by its size: binary fractions are not exact."""

_YEAR_1990, _YEAR_2100 = 631_152_000, 4_102_444_800
"""Between these, in a unit, a number is taken for a time of our days in that unit; both are epoch seconds."""

UNITS = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}
"""How many of each are a second."""

FINER = "millionths of "
"""In front of a unit: times that have a fraction of it are told in these."""

_MILLIONTHS = 10**6
_WHOLE = r"^[+-]?([0-9]{1,18}|[1-8][0-9]{18})$"
"""What certainly fits 64 bits."""

_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_DECIMAL_COMMA = r"^[+-]?[0-9]+,[0-9]+$"
_NOTHING = r"^(?i:nan|na|n/a|null|none)?$"
"""Texts that say that there is no value."""

_INFINITE = r"^[+-]?(?i:inf|infinity)$"
_CLOCK = r"^[0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?$"
_SLASHED = r"^[0-9]{1,2}[/.-][0-9]{1,2}[/.-][0-9]{2,4}\b"


@dataclass(frozen=True)
class Cells:
    """A column. decimal_comma: whether 1,5 is one and a half."""

    path: Path
    name: str
    data: pa.Array
    decimal_comma: bool = False

    @property
    def typed(self) -> bool:
        return not pa.types.is_large_string(self.data.type)

    def missing(self) -> Mask:
        """Where no value stands."""
        nothing = pc.is_null(self.data, nan_is_null=True)
        if not self.typed:
            nothing = pc.or_(nothing, pc.fill_null(pc.match_substring_regex(self._trimmed, _NOTHING), fill_value=True))
        return np.asarray(nothing)

    def missing_key(self) -> Mask:
        """The same for a key: an empty text, or any other, is one."""
        return np.asarray(pc.is_null(self.data, nan_is_null=True))

    def refuse(self, wrong: Mask, what: str, remedy: str) -> None:
        """Raises Unfit for the first row that is wrong."""
        if wrong.any():
            row = int(np.argmax(wrong))
            shown = str(self.data[row])[:80] if self.data[row].is_valid else ""
            raise self._unfit(f"row {row + 1}: {what}" + (f" ({shown})" if shown else ""), remedy)

    def _unfit(self, what: str, remedy: str) -> Unfit:
        return Unfit(f"{self.path}: column {self.name!r} {what}", remedy)

    @property
    def _trimmed(self) -> pa.Array:
        return pc.utf8_trim_whitespace(self.data)

    def _like(self, pattern: str) -> Mask:
        """Which texts match. A missing one does not."""
        return np.asarray(pc.fill_null(pc.match_substring_regex(self._trimmed, pattern), fill_value=False))

    def texts(self, there: Mask) -> pa.Array:
        """Keys as texts; `there` says which rows have one."""
        kind = self.data.type
        if self.typed and not pa.types.is_integer(kind):
            raise self._unfit(f"is {kind}", "give texts or integers")
        texts = self.data.cast(pa.large_string())
        control = np.asarray(pc.fill_null(pc.starts_with(texts, CONTROL), fill_value=False))
        self.refuse(control & there, f"a key that begins with {CONTROL}", "such keys are kept for heartbeats")
        return texts

    def values(self, scale: int, there: Mask) -> Integers:
        """Values times scale; 0 where none is there."""
        kind = self.data.type
        if not self.typed:
            return self._parsed(scale, there)
        if pa.types.is_integer(kind):
            filled = pc.fill_null(self.data, 0)
            # Unchecked casts, since what they would spoil is refused for its size.
            self._within(np.asarray(filled.cast(pa.float64(), safe=False)) * scale, there)
            return np.asarray(filled.cast(pa.int64(), safe=False)) * scale
        if not (pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
            raise self._unfit(f"is {kind}", "give integers or decimals")
        return self._scaled(np.asarray(pc.fill_null(self.data.cast(pa.float64(), safe=False), 0.0)), scale, there)

    def _parsed(self, scale: int, there: Mask) -> Integers:
        """Of texts. Whole numbers stay exact; the rest goes by decimals."""
        texts = self._trimmed
        if self.decimal_comma:
            commas = pa.array(self._like(_DECIMAL_COMMA))
            texts = pc.if_else(commas, pc.replace_substring(texts, ",", "."), texts)
        number = np.asarray(pc.fill_null(pc.match_substring_regex(texts, _NUMBER), fill_value=False))
        self.refuse(self._like(_INFINITE) & there, "it is infinite", "every row needs a finite value")
        self.refuse(~number & there, "it is no number", "give integers or decimals, without a sign of thousands")
        zeros = pc.if_else(pa.array(number & there), texts, pa.scalar("0", pa.large_string()))
        zeros = pc.replace_substring_regex(zeros, r"^\+", "")
        whole = pc.match_substring_regex(zeros, _WHOLE)
        exact = pc.if_else(whole, zeros, pa.scalar("0", pa.large_string())).cast(pa.int64())
        floats = np.asarray(zeros.cast(pa.float64()))
        rounded = self._scaled(floats, scale, there)
        return np.where(np.asarray(whole), np.asarray(exact) * scale, rounded)

    def _scaled(self, numbers: NDArray[np.float64], scale: int, there: Mask) -> Integers:
        scaled = np.where(there, numbers, 0.0) * scale
        self._within(scaled, there)
        whole = np.rint(scaled)
        self.refuse(
            np.abs(scaled - whole) > np.maximum(_EXACT, np.abs(whole) * _ROUNDING),
            f"times the scale {scale} is no integer",
            "give a larger scale: 100 for two decimal places",
        )
        return np.asarray(whole, dtype=np.int64)

    def _within(self, scaled: NDArray[np.float64], there: Mask) -> None:
        self.refuse(np.isinf(scaled) & there, "it is infinite", "every row needs a finite value")
        self.refuse(
            ~(np.abs(scaled) < LARGEST) & there,
            "too large a value: not below 2**53",
            "give values (times the scale) below 2**53",
        )

    def times(self, there: Mask) -> tuple[Integers, str]:
        """Numbers that ascend with time, 0 where none is there; and in which unit: `milliseconds` as an example, or
        `millionths of seconds`; empty where that cannot be told.
        """
        kind = self.data.type
        if not self.typed:
            return self._told_times(there)
        if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
            micros = self.data.cast(pa.timestamp("us", getattr(kind, "tz", None)), safe=False)
            return np.asarray(pc.fill_null(micros.cast(pa.int64()), 0)), "microseconds"
        if pa.types.is_time(kind):
            raise self._unfit("is a time of day, which has no date", "give timestamps")
        if pa.types.is_integer(kind):
            filled = pc.fill_null(self.data, 0)
            large = np.asarray(filled.cast(pa.float64(), safe=False))
            self.refuse((large >= 2.0**63) & there, "too large a time", "give epoch seconds or milliseconds")
            return self._epoch(np.asarray(filled.cast(pa.int64(), safe=False)), there)
        if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
            return self._fractions(np.asarray(pc.fill_null(self.data.cast(pa.float64(), safe=False), 0.0)), there)
        raise self._unfit(f"is {kind}", "give timestamps, or epoch seconds or milliseconds")

    def _told_times(self, there: Mask) -> tuple[Integers, str]:
        number = self._like(_NUMBER)
        if number[there].all():
            zeros = pc.if_else(pa.array(number & there), self._trimmed, pa.scalar("0", pa.large_string()))
            zeros = pc.replace_substring_regex(zeros, r"^\+", "")
            whole = np.asarray(pc.match_substring_regex(zeros, _WHOLE))
            if whole.all():
                return self._epoch(np.asarray(zeros.cast(pa.int64())), there)
            return self._fractions(np.asarray(zeros.cast(pa.float64())), there)
        if number[there].any():
            first = int(np.argmax(there))
            mixed = there & (number != number[first])
            self.refuse(mixed, "numbers and dates are mixed in this column", "give all times in one form")
        self.refuse(
            self._like(_CLOCK) & there, "a time of day has no date", "give timestamps such as 2024-03-10T01:30:00Z"
        )
        self.refuse(
            self._like(_SLASHED) & there,
            "day and month cannot be told apart",
            "give timestamps such as 2024-03-10T01:30:00Z",
        )
        micros = _timestamps(self._trimmed)
        none = np.asarray(pc.is_null(micros))
        self.refuse(none & there, "it is no time", "give timestamps such as 2024-03-10T01:30:00Z, or epoch seconds")
        return np.asarray(pc.fill_null(micros, 0)), "microseconds"

    def _fractions(self, numbers: NDArray[np.float64], there: Mask) -> tuple[Integers, str]:
        """Epoch numbers that may have a fraction: to a millionth of their unit, where that fits 64 bits."""
        told = np.where(there, numbers, 0.0)
        self.refuse(~(np.abs(told) < 2.0**63), "too large a time", "give epoch seconds or milliseconds")
        floors = np.floor(told)
        whole, unit = self._epoch(floors.astype(np.int64), there)
        # A fraction of a microsecond or less orders nothing that anybody could have meant.
        if np.array_equal(floors, told) or np.abs(told).max(initial=0.0) * _MILLIONTHS >= 2.0**62:
            return whole, unit
        return np.rint(told * _MILLIONTHS).astype(np.int64), f"{FINER}{unit}" if unit else ""

    def _epoch(self, numbers: Integers, there: Mask) -> tuple[Integers, str]:
        self.refuse((numbers < 0) & there, "a time before 1970", "give epoch seconds or milliseconds, or timestamps")
        found = np.full(len(numbers), -1)
        for place, factor in enumerate(UNITS.values()):
            found[(numbers >= _YEAR_1990 * factor) & (numbers < _YEAR_2100 * factor) & there] = place
        told = found[found >= 0]
        if not len(told):
            return numbers, ""
        names = list(UNITS)
        other = (found >= 0) & (found != told[0])
        if other.any():
            second = names[found[int(np.argmax(other))]]
            self.refuse(other, f"{names[told[0]]} and {second} are mixed", "give all times in one unit")
        return numbers, names[told[0]]


def _timestamps(texts: pa.Array) -> pa.Array:
    """Epoch microseconds of ISO 8601 texts, UTC where none names a zone; null where a text is no finite time."""
    with duckdb.connect() as database:
        database.execute("set TimeZone = 'UTC'")
        database.register("told", pa.table({"row": pa.array(range(len(texts))), "text": texts}))
        found = database.sql(
            "select case when isfinite(time) then epoch_us(time) end as micros from "
            "(select row, try_cast(text as timestamptz) as time from told) order by row"
        ).to_arrow_table()
    return found.column("micros").combine_chunks()
