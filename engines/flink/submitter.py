"""The Flink client: submits jobs that are named to it, one after another. Runs in Flink's own environment.

    python -m engines.flink.submitter REQUESTS

Each line of the named pipe REQUESTS is the path of a job's description. What became of it is in the file beside it,
with the suffix `.answer`: {"job": id}, {"plan": text} for one that was to be explained, or {"error": text}. The client
starts while the cluster does, and submits once the slots are there. It ends once nothing was asked of it for a while,
so that it is not a burden on a job that runs.
"""

from __future__ import annotations

import json
import select
import sys
import time
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JError
from pyflink.common import Configuration
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.java_gateway import get_gateway
from pyflink.table import StreamTableEnvironment
from pyflink.util.exceptions import JavaException

from engines.flink import api, datastream, row_windows, sql
from engines.flink.rest import Rest, Unreachable
from workloads.names import numbered
from workloads.query import Query

_POLL_S = 0.05
_IDLE_S = 60.0


def wait_for_slots(rest: Rest, wanted: int) -> None:
    """Whoever started us sets the time limit: a job that is submitted early would crowd the first TaskManager."""
    while True:
        try:
            if rest.get("/overview")["slots-total"] >= wanted:
                return
        except Unreachable:
            pass
        time.sleep(_POLL_S)


def prepare(description: dict[str, Any]) -> tuple[Query, StreamExecutionEnvironment, StreamTableEnvironment]:
    """The query, and environments that have its input and its output as tables."""
    query = Query.from_json(description["query"])
    configuration = Configuration()
    for name, value in description["configuration"].items():
        configuration.set_string(name, value)
    environment = remote_environment(configuration)
    tables = StreamTableEnvironment.create(environment)
    tables.execute_sql(sql.input_table(query, description["input"]))
    tables.execute_sql(sql.output_table(query, description["output"]))
    return query, environment, tables


def submit(description: dict[str, Any]) -> str:
    """The job's id."""
    query, environment, tables = prepare(description)
    wait_for_slots(Rest(description["rest"]), description["slots"])
    if api.api(query, description["mode"]) == "datastream":
        _insert_stream(tables, query)
        client = environment.execute_async(description["configuration"]["pipeline.name"])
    else:
        client = tables.execute_sql(_statement(tables, query)).get_job_client()
    return str(client.get_job_id())


def explain(description: dict[str, Any]) -> str:
    """What `submit` would run: its statements, and Flink's plan of them."""
    query, environment, tables = prepare(description)
    said = [sql.input_table(query, description["input"]), sql.output_table(query, description["output"])]
    if api.api(query, description["mode"]) == "datastream":
        _insert_stream(tables, query)
        return "\n\n".join([*said, environment.get_execution_plan()])
    statement = _statement(tables, query)
    return "\n\n".join([*said, sql.events_view(query), statement, tables.explain_sql(statement)])


def remote_environment(configuration: Configuration) -> StreamExecutionEnvironment:
    """PyFlink's own function makes a local one of any configuration when Python was not started by `flink run`."""
    java = get_gateway().jvm.org.apache.flink.streaming.api.environment.StreamExecutionEnvironment
    return StreamExecutionEnvironment(java(configuration._j_configuration))


def _insert_stream(tables: StreamTableEnvironment, query: Query) -> None:
    source, plain = tables.to_data_stream(tables.sql_query(sql.valid_events(query))), numbered(query)
    tables.create_temporary_view(sql.ROWS, datastream.answer(plain, datastream.prepared(plain, source)))
    statements = tables.create_statement_set()
    statements.add_insert_sql(sql.from_rows(query, by_python=True))
    statements.attach_as_datastream()


def _statement(tables: StreamTableEnvironment, query: Query) -> str:
    """The statement that answers the query, over views that are made for it."""
    tables.execute_sql(sql.events_view(query))
    statement = sql.answer(query)
    if statement is None:
        tables.create_temporary_view(sql.ROWS, row_windows.answer(numbered(query), tables.from_path(sql.EVENTS)))
        statement = sql.from_rows(query, by_python=False)
    return statement


def causes(text: str) -> str:
    """A failure's text without Java's stack."""
    return "\n".join(line for line in text.splitlines() if line and not line.lstrip().startswith(("at ", "...")))


def answer(description: Path) -> None:
    """Submit, and say what became of it."""
    try:
        asked = json.loads(description.read_text())
        said = {"plan": explain(asked)} if asked.get("explain") else {"job": submit(asked)}
    except (Py4JError, JavaException, TypeError, ValueError) as error:
        said = {"error": causes(str(error))}
    written = description.with_suffix(".writing")
    written.write_text(json.dumps(said))
    written.rename(description.with_suffix(".answer"))


def serve(requests: Path) -> None:
    # Open for writing as well, so that reading it never ends; unbuffered, so that select sees every line.
    with requests.open("r+b", buffering=0) as pipe:
        get_gateway()
        while select.select([pipe], [], [], _IDLE_S)[0]:
            answer(Path(pipe.readline().decode().strip()))


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
