"""In which ways an engine can be set beside its mode: what a suite chooses, and what its users may add.

Job code that runs in an engine's own environment may import this module: standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, get_args, runtime_checkable

if TYPE_CHECKING:
    from engines.protocol import Job

Settings = Literal["plain", "recommended"]
"""`plain`: the engine's own defaults, but for what is asked of the job and what a right answer needs. `recommended`: as
its manual and its committers advise for this kind of job and these resources."""

Layout = Literal["one-process", "process-per-task"]
"""`one-process`: one worker process runs all tasks of the job. `process-per-task`: one worker process for each, so
that others live on where one is killed. The memory of all workers together is the same."""

Store = Literal["heap", "RocksDB", "Python objects", "Arrow arrays", "none"]
"""Where a worker holds its state: on the JVM's heap, in RocksDB, in Python's own objects, or in columns."""

Reason = Literal["asked", "right answer", "this harness", "recommended", "yours"]
"""Why a setting is not left at its default. asked: the suite asks for it. right answer: without it answers would be
wrong. this harness: it is needed to start, watch or stop the engine. recommended: the manual or a committer advises it.
yours: the user gave it."""

SETTINGS: tuple[Settings, ...] = get_args(Settings)
LAYOUTS: tuple[Layout, ...] = get_args(Layout)


@dataclass(frozen=True)
class Setting:
    """A setting that differs from the engine's default."""

    value: str
    """As the engine is told."""
    reason: Reason
    """Why it is not left as it is."""
    why: str
    """The same in a line; of what is recommended, its source."""
    default: str = ""
    """What it would be; empty where the engine has none, or where it depends on the machine."""

    @property
    def because(self) -> str:
        """Why it is not left as it is, in a line."""
        told = self.why if self.reason == "yours" else f"{self.reason}: {self.why}"
        return f"{told} (default: {self.default})" if self.default else told


SettingsByName = Mapping[str, Setting]


def values(settings: SettingsByName) -> dict[str, str]:
    """Only what the engine is told."""
    return {name: setting.value for name, setting in settings.items()}


def given(options: Mapping[str, str], checked: bool) -> dict[str, Setting]:
    """A user's own options as settings. checked: whether the engine knows their names."""
    why = "given by the user" if checked else "given by the user; its name was not checked"
    return {name: Setting(value, "yours", why) for name, value in options.items()}


_RUNS_CODE = re.compile(
    r"java\.?opt|\.jars|\.(py)?files$|archives|plugin|extensions|class-?path|classes$|librarypath|env\.|executorenv|python"
    r"|reporter|interceptor|\.script|\.command",
    re.IGNORECASE,
)
"""Options by which an engine loads or starts what its user names."""

_LISTENS = re.compile(r"bind-?(host|address)|listeners?$|\.host(name)?$", re.IGNORECASE)


@dataclass(frozen=True)
class Options:
    """What an engine makes of its users' own options."""

    refused: Mapping[str, str]
    """Why an option cannot be given, by its name or by how its name begins (then with * at the end)."""
    known: frozenset[str] | None = None
    """The names that the engine lists; None where it lists none, so that a name cannot be checked."""
    begin: tuple[str, ...] = ()
    """How a name must begin; empty where it may begin in any way."""

    @property
    def checked(self) -> bool:
        """Whether a name that does not exist is noticed."""
        return self.known is not None

    def refusal(self, name: str) -> str | None:
        """Why an option is not taken, or None where it is."""
        for pattern, why in self.refused.items():
            if name == pattern or (pattern.endswith("*") and name.startswith(pattern[:-1])):
                return why
        if _RUNS_CODE.search(name):
            return "it can make the engine run code, and a suite may come from anyone"
        if _LISTENS.search(name):
            return "what is started binds to loopback only"
        if self.begin and not name.startswith(self.begin):
            return f"names of its options begin with {' or '.join(self.begin)}"
        if self.known is not None and name not in self.known:
            return "the engine has no such option"
        return None


NO_OPTIONS = Options(refused={"*": "the engine has no options of its own"})


@runtime_checkable
class Configurable(Protocol):
    """An engine that can be set in more than one way, or that says how it is set. One that is not has no settings of
    its own, and is run in the way that it has.
    """

    settings: tuple[Settings, ...]
    """Those that differ for it; the first stands for a choice that it does not have."""
    layouts: tuple[Layout, ...]
    """Those in which it can run; the first stands for a choice that it does not have."""
    stores: Mapping[str, Store]
    """Where the state is, by mode."""
    has_interval: bool
    """Whether it has a commit interval of its own, with which it can run in place of the one that is asked for."""
    least_memory_mb: int
    """The least that a worker process may have as its limit, in MiB."""

    def options(self, mode: str) -> Options:
        """Which options of their own users may give."""
        ...

    def reported(self, job: Job) -> SettingsByName:
        """Every setting that differs from the engine's default, but for names, addresses and paths."""
        ...


def nearest(wanted: Iterable[str], had: Sequence[str]) -> list[str]:
    """The choices of an engine that come nearest to those wanted, each once, in their order."""
    return list(dict.fromkeys(one if one in had else had[0] for one in wanted))
