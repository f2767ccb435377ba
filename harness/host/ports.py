"""Loopback ports that nobody else uses."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from engines.protocol import EngineFailure


def free_port() -> int:
    """A loopback port that nothing listens on now."""
    with reserved(None) as ports:
        return ports[0]


@contextmanager
def reserved(*ports: int | None) -> Iterator[list[int]]:
    """Loopback ports, free ones for None, that nobody else gets meanwhile. Raises EngineFailure for one in use."""
    with ExitStack() as stack:
        found = []
        for port in ports:
            held = stack.enter_context(socket.socket())
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                held.bind(("127.0.0.1", port or 0))
            except OSError as error:
                raise EngineFailure(
                    f"Kafka cannot use port {port}: {error.strerror}",
                    f"127.0.0.1:{port}",
                    "end what uses it, or give another port",
                ) from error
            found.append(held.getsockname()[1])
        yield found
