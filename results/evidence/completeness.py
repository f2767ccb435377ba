"""Whether a history holds all that its trial stored (METHOD.md, "Record"). What is lacking is no engine's doing."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from results.evidence import machine
from results.evidence.offsets import Ascent
from results.history import METHOD_VERSION, TABLES, DamagedHistory, History, Quiescent, parts
from results.manifest import MANIFEST, SINCE, Manifest, differences, read, rows_of

_SHOWN = 3
_NOT_WHOLE = "damaged history: the record is not whole"


def incomplete(history: History) -> list[str]:
    """Why the record is not the whole one, each in a line; empty if it is, or is older than manifests.

    Raises DamagedHistory for a manifest that cannot be read.
    """
    if history.plan.method_version < SINCE:
        return []
    manifest = read(history)
    if manifest is None:
        return [f"the record was cut off: there is no {MANIFEST}, which a trial writes last"]
    wrong = differences(history, manifest)
    if wrong:
        more = f" and {len(wrong) - _SHOWN} files more" if len(wrong) > _SHOWN else ""
        said = "; ".join(f"{name} {what}" for name, what in wrong[:_SHOWN])
        damage = _damage(history, [name for name, _ in wrong])
        return [f"{_NOT_WHOLE}: {said}{more} (by {MANIFEST}){damage}"]
    return _short(history, manifest)


def older(history: History) -> list[str]:
    """What a reader must know of a history that was recorded by an earlier method."""
    version = history.plan.method_version
    if version >= METHOD_VERSION:
        return []
    known = "" if version >= SINCE else ", which kept no manifest: whether the record is whole is not known"
    quiet = "" if version >= machine.SINCE else "; whether other work ran beside it was not recorded"
    return [f"recorded by method version {version}{known}{quiet}"]


def _damage(history: History, names: list[str]) -> str:
    """What can be said of tables of these files that cannot be read, or hold what cannot be."""
    for table in sorted({Path(name).parts[0] for name in names} & TABLES.keys()):
        try:
            history.table(table)
        except DamagedHistory as damage:
            return f"; {damage.within(history.folder)}"
    return ""


def _short(history: History, manifest: Manifest) -> list[str]:
    found = []
    for table in TABLES:
        stored, said = rows_of(manifest.files, table), manifest.stored.get(table)
        if said is None and stored:
            found.append(f"{_NOT_WHOLE}: nothing says how many rows of {table} were stored ({table}/)")
        elif said is not None and said != stored:
            found.append(f"{_NOT_WHOLE}: {said:,} rows of {table} were stored, {stored:,} are there ({table}/)")
    reached = manifest.positions.get("output")
    for rest in history.of(Quiescent)[-1:]:
        if history.plan.log == "embedded" and not found:
            found += _holes(history, rest.end_offsets)
        if reached is None or len(reached) != len(rest.end_offsets) or np.any(np.less(reached, rest.end_offsets)):
            found.append(
                f"{_NOT_WHOLE}: the output was recorded up to offsets {reached}, and ended at "
                f"{rest.end_offsets} (output/)"
            )
    return found


def _holes(history: History, ends: list[int]) -> list[str]:
    """Offsets of the output before its end that are not recorded. On the embedded log every offset is a row's."""
    there = _before_ends(history, ends)
    for partition, end in enumerate(ends):
        if there[partition] < end:
            return [
                f"{_NOT_WHOLE}: {there[partition]:,} of the {end:,} rows of output partition {partition} are there "
                "(output/)"
            ]
    return []


def _before_ends(history: History, ends: list[int]) -> list[int]:
    """How many different offsets of the output before its end are recorded, by partition."""
    ascent, counts = Ascent(), [0] * len(ends)
    for part in parts(history.folder, "output"):
        for piece in history.pieces("output", ["partition", "offset"], part):
            partitions, offsets = (column.to_numpy() for column in piece.columns)
            ascent.add(partitions, offsets)
            for partition, end in enumerate(ends):
                counts[partition] += int(np.count_nonzero((partitions == partition) & (offsets < end)))
    if ascent.ascends:
        return counts
    # Only where offsets do not ascend may one be there twice.
    table = history.table("output", ["partition", "offset"])
    partitions, offsets = (column.to_numpy() for column in table.columns)
    return [len(np.unique(offsets[(partitions == partition) & (offsets < end)])) for partition, end in enumerate(ends)]
