"""The Flink client: submits one query and ends. Runs in Flink's own environment.

    python -m engines.flink.job JOB.json

Starts while the cluster does, and submits once the slots are there. Prints the job's id.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JError
from pyflink.common import Configuration
from pyflink.table import EnvironmentSettings, TableEnvironment
from pyflink.util.exceptions import JavaException

from workloads.query import Query

from . import sql
from .rest import Rest, Unreachable

SUBMITTED = "submitted job"
_POLL_S = 0.05


def wait_for_slots(rest: Rest, wanted: int) -> None:
    """Whoever started us sets the time limit: a job that is submitted early would crowd the first TaskManager."""
    while True:
        try:
            if rest.get("/overview")["slots-total"] >= wanted:
                return
        except Unreachable:
            pass
        time.sleep(_POLL_S)


def main(description: dict[str, Any]) -> None:
    query = Query.from_json(description["query"])
    configuration = Configuration()
    for name, value in description["configuration"].items():
        configuration.set_string(name, value)
    settings = EnvironmentSettings.new_instance().in_streaming_mode().with_configuration(configuration).build()
    tables = TableEnvironment.create(settings)
    tables.execute_sql(sql.input_table(query, description["input"]))
    tables.execute_sql(sql.output_table(query, description["output"]))
    wait_for_slots(Rest(description["rest"]), description["slots"])
    client = tables.execute_sql(sql.answer(query)).get_job_client()
    sys.stdout.write(f"{SUBMITTED} {client.get_job_id()}\n")


def causes(text: str) -> str:
    """A failure's text without Java's stack: the last lines of a log are what is shown."""
    return "\n".join(line for line in text.splitlines() if line and not line.lstrip().startswith(("at ", "...")))


if __name__ == "__main__":
    try:
        main(json.loads(Path(sys.argv[1]).read_text()))
    except (Py4JError, JavaException) as error:
        sys.exit(causes(str(error)))
