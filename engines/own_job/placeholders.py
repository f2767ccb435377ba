"""Placeholders such as {input} in the commands of a job file, and what stands there in their place."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from engines.own_job.description import Command
from engines.protocol import Job, Site

_JARS = "jars:"
_PLACEHOLDER = re.compile(rf"\{{([a-z_]+|{_JARS}[^{{}}]*)\}}")

OF_THE_JOB: Mapping[str, str] = {
    "bootstrap": "HOST:PORT of the broker",
    "input": "the topic to read",
    "output": "the topic to write to",
    "group": "a name for the consumer group, new for each trial",
    "job": "a name that is new for each trial, for transactional ids and the like",
    "interval_ms": "how often to commit, in ms",
    "memory_mb": "what a worker process is given, in MiB",
}
"""What stands for the same in all commands of a trial."""

OF_A_PROCESS: Mapping[str, str] = {"state": "a folder of the process's own, which outlives it"}
"""What stands for something else in each process."""

OF_A_WORKER: Mapping[str, str] = {"slot": "the worker's number, from 0; who takes its place has the same"}
"""What only workers have."""

OF_THE_MACHINE: Mapping[str, str] = {
    "python": "the Python of the file's `requirements`; without them the one that Streamgauge runs on",
    "java_home": "the folder of a JDK",
    "built": "a folder for what `build` makes, which outlives runs",
}
"""What is known before there is a trial. So is {jars:SET}: a class path with the jars of a set."""


def named(texts: Iterable[str]) -> list[str]:
    """The placeholders of these texts but those of jars, each once. Other braces are no placeholders."""
    return [name for name in _found(texts) if not name.startswith(_JARS)]


def jar_sets(texts: Iterable[str]) -> list[str]:
    """The jar sets that these texts name as {jars:SET}, each once."""
    return [name.removeprefix(_JARS) for name in _found(texts) if name.startswith(_JARS)]


def _found(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(name for text in texts for name in _PLACEHOLDER.findall(text)))


def unknown(texts: Iterable[str], allowed: Collection[str]) -> list[str]:
    """The placeholders of these texts that are not allowed there, but for those of jars."""
    return [name for name in named(texts) if name not in allowed]


def built(site: Site, file: Path) -> Path:
    """The folder of what the build of a job file makes. Another file has another one, so has a copy of it."""
    return site.cache / "jobs" / hashlib.sha256(os.fsencode(file)).hexdigest()[:16]


def of_machine(site: Site, file: Path) -> dict[str, str]:
    """What stands for OF_THE_MACHINE and the jars of a job file, as far as it needs them."""
    values = {"python": str(site.python), "built": str(built(site, file))}
    if site.java_home is not None:
        values["java_home"] = str(site.java_home)
    return values | {f"{_JARS}{name}": os.pathsep.join(map(str, jars)) for name, jars in site.jars.items()}


def of_job(job: Job) -> dict[str, str]:
    """What stands for OF_THE_JOB."""
    return {
        "bootstrap": job.input.address,
        "input": job.input.name,
        "output": job.output.name,
        "group": job.name,
        "job": job.name,
        "interval_ms": str(job.interval_ms),
        "memory_mb": str(job.memory_mb),
    }


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with its placeholders replaced, once: what stands in a value is left as it is."""
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), text)


def command(told: Command, values: Mapping[str, str]) -> Command:
    """The command with its placeholders replaced, in words and in values of variables."""
    words = tuple(filled(word, values) for word in told.words)
    return Command(words, {name: filled(value, values) for name, value in told.env.items()})
