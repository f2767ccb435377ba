"""The Spark driver: runs queries from a Kafka topic to a Kafka topic, as it is told. Runs in Spark's own environment.

    python -m engines.spark.driver SESSION.json COMMANDS

SESSION.json: executors (how many) and settings. COMMANDS: a named pipe with a JSON object on each line, {"start":
FOLDER}, {"stop": FOLDER} or {"explain": FOLDER}.
FOLDER is a submitted job's own: `job.json` says what to run, its `Status` is kept there.
Ends when the pipe's last writer is gone, and with 1 when Spark is. A query that fails is no end.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JError, Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.listener import (
    QueryIdleEvent,
    QueryProgressEvent,
    QueryStartedEvent,
    QueryTerminatedEvent,
    StreamingQueryListener,
    StreamingQueryProgress,
)
from pyspark.sql.streaming.query import StreamingQuery

from workloads.query import Query

from .events import BROKEN, EVENTS
from .settings import EXACTLY_ONCE_SINK, REAL_TIME
from .shapes import answer
from .status import PLAN, State, Status

if TYPE_CHECKING:
    from .sink import TransactionalSink

_POLL_S = 0.02
_BETWEEN_BATCHES_S = 20.0


class Gone(Exception):
    """Spark itself cannot be reached any more."""


class Submission:
    """A query that was started; its status is kept in a file."""

    def __init__(self, session: SparkSession, folder: Path, executors: int, triggered: set[str]) -> None:
        """triggered: run ids of queries whose first trigger is over."""
        self._session, self._folder, self._executors = session, folder, executors
        self._triggered = triggered
        self._job = json.loads((folder / "job.json").read_text())
        self._query: StreamingQuery | None = None
        self._sink: TransactionalSink | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._status = Status("starting")

    def run(self) -> None:
        """From the query's start to its end. Raises Gone."""
        try:
            self._query = self._start()
            if self._becomes_ready(self._query):
                self._say("ready")
            self._query.awaitTermination()
            self._say("stopped")
        except (PySparkException, Py4JJavaError) as error:
            self._say("failed", causes(str(error)))
        except (Py4JError, ConnectionError) as error:
            raise Gone(causes(str(error))) from error
        except Exception as error:
            # An error of ours. Left alone it would end this thread, and nobody would hear of it.
            self._say("failed", f"{type(error).__name__}: {error}")
        finally:
            if self._sink is not None:
                self._sink.close()

    def stop(self) -> None:
        """End the query between two batches, so that no batch is run again which has written its rows already.

        Where batches follow each other without a break, it is ended all the same. So it is in real-time mode, where
        rows leave in the middle of a batch, and come again.
        """
        self._stopping.set()
        query = self._query
        if query is None:
            return
        deadline = time.monotonic() + _BETWEEN_BATCHES_S
        waits = self._job["mode"] != REAL_TIME
        while waits and query.isActive and query.status["isTriggerActive"] and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        query.stop()

    def count(self, progress: StreamingQueryProgress) -> None:
        """Add a batch's counts."""
        late = sum(state.numRowsDroppedByWatermark for state in progress.stateOperators)
        observed = progress.observedMetrics.get(EVENTS)
        broken = 0 if observed is None else observed[BROKEN]
        if late or broken:
            with self._lock:
                self._status = self._status.counted(late, broken)
                self._status.write(self._folder)

    def explain(self) -> None:
        """Write what would be run, without running it: plans, or why there are none."""
        try:
            execution = self._answer()._jdf.queryExecution()
            text = self._session.sparkContext._jvm.PythonSQLUtils.explainString(execution, "extended")
        except (PySparkException, Py4JJavaError) as error:
            text = causes(str(error))
        partial = self._folder / f"{PLAN}.partial"
        partial.write_text(text)
        partial.rename(self._folder / PLAN)

    def _answer(self) -> DataFrame:
        job = self._job
        records = self._session.readStream.format("kafka").options(**job["source"]).load()
        return answer(records, Query.from_json(job["query"]), job["mode"])

    def _start(self) -> StreamingQuery:
        job = self._job
        rows = (
            self._answer()
            .writeStream.queryName(str(self._folder))
            .outputMode(job["output_mode"])
            .options(**job["sink"])
            .trigger(**job["trigger"])
        )
        if job["mode"] != EXACTLY_ONCE_SINK:
            return rows.format("kafka").start()
        # Only here is a Kafka client for Python needed.
        from .sink import TransactionalSink

        self._sink = TransactionalSink(
            job["name"], job["sink"]["topic"], job["sink"]["kafka.bootstrap.servers"], job["producer"]
        )
        return rows.foreachBatch(self._sink.write).start()

    def _becomes_ready(self, query: StreamingQuery) -> bool:
        """True once the first trigger is over and all executors are there; False if the query ends before.

        Whoever submitted it sets the time limit.
        """
        tracker = self._session.sparkContext._jsc.sc().statusTracker()
        # The driver is in the list as well.
        while query.isActive and not self._stopping.is_set():
            if query.runId in self._triggered and len(tracker.getExecutorInfos()) > self._executors:
                return True
            time.sleep(_POLL_S)
        # `stop` found no query if it came while this one was being made.
        if self._stopping.is_set():
            query.stop()
        return False

    def _say(self, state: State, cause: str = "") -> None:
        with self._lock:
            self._status = self._status.now(state, cause)
            self._status.write(self._folder)


class Triggers(StreamingQueryListener):  # type: ignore[misc] # PySpark is not there when this is checked
    """Notes which queries' first trigger is over, and hands every batch's counts to its submission.

    A query's name is its submission's folder.
    """

    def __init__(self, submissions: dict[str, Submission], over: set[str]) -> None:
        self._submissions, self._over = submissions, over

    def onQueryStarted(self, event: QueryStartedEvent) -> None:  # noqa: N802
        pass

    def onQueryProgress(self, event: QueryProgressEvent) -> None:  # noqa: N802
        self._over.add(str(event.progress.runId))
        self._submissions[event.progress.name].count(event.progress)

    def onQueryIdle(self, event: QueryIdleEvent) -> None:  # noqa: N802
        """The first trigger that finds nothing to do says so at once."""
        self._over.add(str(event.runId))

    def onQueryTerminated(self, event: QueryTerminatedEvent) -> None:  # noqa: N802
        pass


def serve(session: SparkSession, executors: int, commands: Path) -> None:
    """Do as the lines of `commands` say until there are no more. Raises Gone."""
    inbox: SimpleQueue[str | Gone | None] = SimpleQueue()
    submissions: dict[str, Submission] = {}
    triggered: set[str] = set()
    session.streams.addListener(Triggers(submissions, triggered))

    def read() -> None:
        with commands.open() as lines:
            for line in lines:
                inbox.put(line)
        inbox.put(None)

    def run(submission: Submission) -> None:
        try:
            submission.run()
        except Gone as gone:
            inbox.put(gone)

    def stop(submission: Submission) -> None:
        # What cannot be stopped has ended, or `run` finds that Spark is gone.
        with suppress(PySparkException, Py4JError, ConnectionError):
            submission.stop()

    _in_background(read)
    while (item := inbox.get()) is not None:
        if isinstance(item, Gone):
            raise item
        match json.loads(item):
            case {"start": folder}:
                submissions[folder] = Submission(session, Path(folder), executors, triggered)
                _in_background(run, submissions[folder])
            case {"explain": folder}:
                Submission(session, Path(folder), executors, triggered).explain()
            case {"stop": folder} if folder in submissions:
                _in_background(stop, submissions[folder])


def _in_background(work: Any, *arguments: Any) -> None:
    threading.Thread(target=work, args=arguments, daemon=True).start()


def causes(text: str) -> str:
    """A failure's text without Java's stack and the query's plan: the last lines of a log are what is shown."""
    before_plan = text.partition("=== Streaming Query ===")[0]
    return "\n".join(line for line in before_plan.splitlines() if line and not line.lstrip().startswith(("at ", "...")))


def main(description: dict[str, Any], commands: Path) -> None:
    builder = SparkSession.builder
    for name, value in description["settings"].items():
        builder = builder.config(name, value)
    serve(builder.getOrCreate(), description["executors"], commands)


if __name__ == "__main__":
    try:
        main(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
    except (PySparkException, Py4JError) as error:
        sys.exit(causes(str(error)))
    except (ConnectionError, Gone) as error:
        sys.exit(f"the driver's JVM is gone: {error}")
