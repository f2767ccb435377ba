"""Loopback ports that nobody else uses."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from engines.protocol import EngineFailure

_HOST = "127.0.0.1"
_FREE = range(20_000, 32_000)
"""Below the ports that Linux hands out for outgoing connections, so that what is free stays free."""


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on now. Raises EngineFailure if there are not so many."""
    with reserved(*[None] * count) as ports:
        return ports


@contextmanager
def reserved(*ports: int | None) -> Iterator[list[int]]:
    """These ports, and a free one for each None: nobody else gets them meanwhile.

    Raises EngineFailure for one that is in use, or if too few are free.
    """
    candidates = (port for port in random.sample(_FREE, len(_FREE)) if port not in ports)
    with ExitStack() as stack:
        yield [_take(port, stack) if port else _take_any(candidates, stack) for port in ports]


def _take(port: int, stack: ExitStack) -> int:
    held = stack.enter_context(socket.socket())
    # Connections that ended a moment ago are no reason to refuse a port that was asked for.
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        held.bind((_HOST, port))
    except OSError as error:
        remedy = "end what uses it, or give another port"
        raise EngineFailure(f"cannot use port {port}: {error.strerror}", f"{_HOST}:{port}", remedy) from error
    return port


def _take_any(candidates: Iterator[int], stack: ExitStack) -> int:
    for port in candidates:
        held = stack.enter_context(socket.socket())
        try:
            held.bind((_HOST, port))
        except OSError:
            held.close()
            continue
        return port
    raise EngineFailure(f"found too few free ports from {_FREE.start} to {_FREE.stop - 1} on {_HOST}")
