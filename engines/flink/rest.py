"""Flink's REST interface, as far as we use it."""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPException
from typing import Any

_TIMEOUT_S = 5.0


class Unreachable(Exception):
    """Nothing answered, or something other than success."""


class Rest:
    """address: HOST:PORT of a JobManager. timeout_s: how long it may take to answer."""

    def __init__(self, address: str, timeout_s: float = _TIMEOUT_S) -> None:
        self._address, self._timeout_s = address, timeout_s

    def within(self, timeout_s: float) -> Rest:
        """The same with another time-out."""
        return Rest(self._address, timeout_s)

    def get(self, path: str) -> Any:
        """The JSON answer. Raises Unreachable."""
        return json.loads(self._ask("GET", path))

    def cancel(self, job: str) -> None:
        """Ask for the job's end. Raises Unreachable."""
        self._ask("PATCH", f"/jobs/{job}?mode=cancel")

    def _ask(self, method: str, path: str) -> bytes:
        connection = HTTPConnection(self._address, timeout=self._timeout_s)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, HTTPException) as error:
            raise Unreachable(f"{method} {path} at {self._address}: {error}") from error
        finally:
            connection.close()
        if answer.status // 100 != 2:
            raise Unreachable(f"{method} {path} at {self._address}: {answer.status} {answer.reason}")
        return body
