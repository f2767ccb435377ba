"""Changes that a repository's owners know and want, until a day: a small file in the repository."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from results.folder import write_whole
from results.gate.gate_result import Acceptance
from results.history import first_problem
from results.result import ResultModel
from workloads.regular_file import read_regular

FILE = "streamgauge-accepted.json"
"""In the top folder of the repository; it belongs into the repository."""


class _Accepted(ResultModel):
    schema_version: Literal[1] = 1
    accepted: list[Acceptance] = Field(default=[])


class DamagedAcceptances(Exception):
    """The file cannot be read: why."""


def read(top: Path) -> list[Acceptance]:
    """All that stands in the file of a repository, also what is over; none where there is no file. Raises
    DamagedAcceptances.
    """
    try:
        found = _Accepted.model_validate_json(read_regular(top / FILE, top)).accepted
        for each in found:
            date.fromisoformat(each.until)
    except FileNotFoundError:
        return []
    except ValidationError as error:
        raise DamagedAcceptances(first_problem(error)) from error
    except (OSError, ValueError) as error:
        raise DamagedAcceptances(str(error)) from error
    return found


def valid(every: Sequence[Acceptance], today: date) -> list[Acceptance]:
    """Those that count today; `until` is the last day."""
    return [each for each in every if date.fromisoformat(each.until) >= today]


def add(top: Path, new: Acceptance, today: date) -> Path:
    """Put one into the file, in place of what stood there for the same; what is over is left out. Raises OSError and
    DamagedAcceptances.
    """
    others = [each for each in valid(read(top), today) if (each.case, each.metric) != (new.case, new.metric)]
    kept = _Accepted(accepted=sorted([*others, new], key=lambda each: (each.case, each.metric or "")))
    text = json.dumps(kept.model_dump(mode="json"), indent=2, ensure_ascii=False)
    write_whole(top / FILE, f"{text}\n".encode())
    return top / FILE
