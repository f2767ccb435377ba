"""What a command line asks to be run, made ready to be checked: which suite, which names, which values replaced."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engines.protocol import Terms
from harness.foreign_kafka.broker_address import EXAMPLE, normalised
from harness.planning.catalogue import Catalogue
from harness.planning.job_file import terms_given
from harness.planning.planner import Selection
from harness.planning.suite import InvalidRequest, Suite, load
from harness.planning.suite_files import suites
from harness.planning.tables import unknown
from harness.problem import ExitCode, Problem
from results.printable import printable

PAIR = "pair"
"""The suite whose settings are used where none is named."""

STRIKE = "strike"
"""The suite whose settings are used where none is named, but faults."""

_NAME_BYTES = 150
"""A file's name may have 255, and that of a run's folder has its time as well."""


@dataclass(frozen=True)
class Request:
    """What is asked to be run."""

    suite: str | None
    """A name or a path; None where engines or workloads are named instead."""
    selection: Selection
    """What is named beside it."""
    overrides: Mapping[str, str]
    """Values by dotted key."""
    thresholds: Sequence[str] = ()
    """Beside those of the suite."""
    job: Terms | None = None
    """Of a program of the user's own, which is then run."""


_KEY_OF = {"rate": "search.how", "pin": "pin"}
"""What has an option of its own stands in a suite under this key."""


def overrides(
    settings: Sequence[str], seed: int | None, faults: Sequence[str] = (), **more: str | None
) -> dict[str, str]:
    """KEY=VALUE words as a mapping. more: values of options in _KEY_OF, None where not given. Raises Problem."""
    values = {} if seed is None else {"seed": str(seed)}
    values |= {_KEY_OF[name]: value for name, value in more.items() if value is not None}
    if faults:
        # What is named strikes every engine.
        values |= {"faults.inject": json.dumps(list(faults)), "faults.instead": "{}"}
    for word in settings:
        key, equals, value = word.partition("=")
        if not equals or not all(key.split(".")):
            raise Problem(
                f"{word!r} is not KEY=VALUE", "option --set", "For example: --set paced.rate=10k", ExitCode.USAGE
            )
        values[key.strip()] = value.strip()
    return values


def resolve(request: Request, catalogue: Catalogue) -> tuple[str, Suite, Selection]:
    """The suite's name or path, the suite, and the selection with its workloads filled in where no suite is named.

    Raises InvalidRequest with everything that is wrong, or Problem if nothing is asked.
    """
    selection, given = request.selection, request.overrides
    source = request.suite
    if request.job is not None:
        # What the job answers is asked, unless its user names something else.
        selection = replace(selection, workloads=selection.workloads or (request.job.workload,))
        given = {**terms_given(request.job), **given}
    if source is None:
        if not selection.engines and not selection.workloads:
            raise Problem(
                "nothing to run: no suite, engine or workload is named",
                "in the command `streamgauge run`",
                f"Name a suite ({', '.join(suites())}), or engines with -e and workloads with -w",
                ExitCode.USAGE,
            )
        source = STRIKE if "faults.inject" in request.overrides else PAIR
        selection = replace(selection, workloads=selection.workloads or tuple(catalogue.workloads))
    problems = list(_unfit(selection, catalogue))
    suite: Suite | None = None
    try:
        replaced = _addressed(given, selection.workloads, catalogue)
        suite = load(source, replaced, catalogue, request.thresholds)
    except InvalidRequest as error:
        problems += error.problems
    except Problem as problem:
        problems.append(problem)
    if problems or suite is None:
        raise InvalidRequest(problems)
    if selection.kafka is not None:
        selection = replace(selection, kafka=normalised(selection.kafka))
    return source, suite, selection


def run_name(source: str) -> str:
    """What a run of the suite is called: its file's name without the ending. Raises Problem if no folder can be called
    so.
    """
    name = Path(source).stem
    if not name or len(name.encode()) > _NAME_BYTES or printable(name) != name:
        raise Problem(
            f"the run's folder cannot be called by the name of its suite, {name!r}",
            source,
            f"Give the file a name of at most {_NAME_BYTES} bytes, with characters that can be seen",
            ExitCode.USAGE,
        )
    return name


def _addressed(overrides: Mapping[str, str], workloads: Sequence[str], catalogue: Catalogue) -> dict[str, str]:
    """The overrides, those with the name of a parameter addressed to the one workload that is named, if one is."""
    name = workloads[0] if len(workloads) == 1 else None
    defaults = getattr(catalogue.workloads.get(name or ""), "defaults", {})
    return {
        f"workload.{name}.{key}" if key in defaults and key not in Suite.model_fields else key: value
        for key, value in overrides.items()
    }


def _unfit(selection: Selection, catalogue: Catalogue) -> Iterator[Problem]:
    for name in selection.engines:
        if name not in catalogue.engines:
            yield unknown("engine", name, catalogue.engines, "option -e")
    for name in selection.workloads:
        if name not in catalogue.workloads:
            yield unknown("workload", name, catalogue.workloads, "option -w")
    if selection.keep_topics and selection.kafka is None:
        what = "--keep-topics is about a broker that is not ours, and none is named"
        yield Problem(what, "option --keep-topics", "Name it with --kafka, or leave --keep-topics out", ExitCode.USAGE)
    if selection.kafka is not None:
        try:
            normalised(selection.kafka)
        except ValueError as error:
            yield Problem(str(error), "option --kafka", f"For example: {EXAMPLE}", ExitCode.USAGE)
        if selection.log == "embedded":
            yield Problem(
                "--kafka names a broker, but --log embedded uses none",
                "options --kafka and --log",
                "Leave one of them out",
                ExitCode.USAGE,
            )
