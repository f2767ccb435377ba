"""A folder of Parquet tables, which `streamgauge.load` reads into data frames."""

from __future__ import annotations

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq

from reports.exports.export import Export, Exported, Files
from results.frames import frames

ABOUT = "run.json"
FORM = 1
"""The version of the form of these files."""


def files(exported: Exported) -> Files:
    """A file a table, and last run.json: what the run was, and what could not be told."""
    made, run = frames(exported.run, exported.folder), exported.run
    for name, table in made.tables.items():
        yield f"{name}.parquet", _stored(table)
    about = {
        "form": FORM,
        "run": run.run,
        "suite": run.suite,
        "method_version": run.method_version,
        "machine": run.machine.model_dump(mode="json") if run.machine else None,
        "tables": list(made.tables),
        "lacking": made.lacking,
    }
    yield ABOUT, (json.dumps(about, indent=1, ensure_ascii=False) + "\n").encode(errors="replace")


def _stored(table: pa.Table) -> bytes:
    stream = io.BytesIO()
    pq.write_table(table, stream, compression="zstd")
    return stream.getvalue()


export = Export(
    "parquet", "a folder of Parquet tables, as `streamgauge.load` reads them", files=files, marks=True, whole=True
)
