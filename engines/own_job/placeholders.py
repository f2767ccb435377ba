"""Placeholders such as {input} in the commands of a job file, and what stands there in their place."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from engines.own_job.description import Command
from engines.protocol import Job

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")

OF_THE_JOB: Mapping[str, str] = {
    "bootstrap": "HOST:PORT of the broker",
    "input": "the topic to read",
    "output": "the topic to write to",
    "group": "a name for the consumer group, new for each trial",
    "job": "a name that is new for each trial, for transactional ids and the like",
    "interval_ms": "how often to commit, in ms",
    "memory_mb": "what a worker process is given, in MiB",
    "python": "the Python that Streamgauge runs on",
}
"""What stands for the same in all commands of a trial."""

OF_A_PROCESS: Mapping[str, str] = {"state": "a folder of the process's own, which outlives it"}
"""What stands for something else in each process."""

OF_A_WORKER: Mapping[str, str] = {"slot": "the worker's number, from 0; who takes its place has the same"}
"""What only workers have."""

BEFORE_A_JOB = frozenset({"python"})
"""What is known before there is a trial."""


def unknown(texts: Iterable[str], allowed: Collection[str]) -> list[str]:
    """The placeholders of these texts that are not allowed there, each once. Other braces are no placeholders."""
    found = (name for text in texts for name in _PLACEHOLDER.findall(text))
    return list(dict.fromkeys(name for name in found if name not in allowed))


def of_job(job: Job, python: Path) -> dict[str, str]:
    """What stands for OF_THE_JOB."""
    return {
        "bootstrap": job.input.address,
        "input": job.input.name,
        "output": job.output.name,
        "group": job.name,
        "job": job.name,
        "interval_ms": str(job.interval_ms),
        "memory_mb": str(job.memory_mb),
        "python": str(python),
    }


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with its placeholders replaced, once: what stands in a value is left as it is."""
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), text)


def command(told: Command, values: Mapping[str, str]) -> Command:
    """The command with its placeholders replaced, in words and in values of variables."""
    words = tuple(filled(word, values) for word in told.words)
    return Command(words, {name: filled(value, values) for name, value in told.env.items()})
