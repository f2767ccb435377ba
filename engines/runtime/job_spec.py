"""How a job is handed to its processes: as a JSON file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engines.protocol import Job, Topic
from workloads.query import Query


@dataclass(frozen=True)
class JobSpec:
    """A job with what its processes need: worker is the module to run; workers write `NAME-worker-SLOT.log` in logs."""

    job: Job
    worker: str
    python: Path
    logs: Path

    def tasks(self, slot: int) -> list[int]:
        """Input partitions that the worker in a slot reads."""
        return list(range(slot, self.job.input.partitions, self.job.parallelism))

    @property
    def slots(self) -> range:
        return slots(self.job)

    @property
    def file(self) -> Path:
        return self.job.directory / "job.json"

    @property
    def roster(self) -> Path:
        """Where the supervisor writes the pids of its workers, a JSON list by slot, null for an empty one."""
        return self.job.directory / "workers.json"

    def save(self) -> None:
        data = asdict(self)
        data["job"]["query"] = json.loads(self.job.query.to_json())
        replace(self.file, json.dumps(data, default=str, indent=1))

    @staticmethod
    def load(path: Path) -> JobSpec:
        data: dict[str, Any] = json.loads(path.read_text())
        job = data.pop("job")
        for topic in ("input", "output"):
            job[topic] = Topic(**job[topic])
        job["query"] = Query.from_json(json.dumps(job["query"]))
        job["directory"] = Path(job["directory"])
        return JobSpec(Job(**job), data["worker"], Path(data["python"]), Path(data["logs"]))


def slots(job: Job) -> range:
    """Workers beyond the number of partitions would have nothing to read."""
    return range(min(job.parallelism, job.input.partitions))


def replace(path: Path, text: str) -> None:
    """Write a file so that a reader sees either the old content or the new."""
    partial = path.with_suffix(".partial")
    partial.write_text(text)
    partial.replace(path)
