"""A listener is seen where it is, and our own instruments are on loopback."""

from __future__ import annotations

import ipaddress
import os
import socket
from pathlib import Path

import pytest

from engines.ports import free_ports
from harness.instruments.proxy import Proxy
from tests.listeners import listeners, watched


@pytest.mark.parametrize(
    ("family", "kind", "address", "on_loopback"),
    [
        (socket.AF_INET, socket.SOCK_STREAM, "127.0.0.1", True),
        (socket.AF_INET, socket.SOCK_STREAM, "0.0.0.0", False),  # noqa: S104 - this is what must be seen
        (socket.AF_INET, socket.SOCK_DGRAM, "127.0.0.1", True),
        (socket.AF_INET, socket.SOCK_DGRAM, "0.0.0.0", False),  # noqa: S104
        (socket.AF_INET6, socket.SOCK_STREAM, "::1", True),
        (socket.AF_INET6, socket.SOCK_STREAM, "::", False),
        (socket.AF_INET6, socket.SOCK_STREAM, "::ffff:127.0.0.1", True),
    ],
)
def test_a_listener_is_seen_with_its_address(family: int, kind: int, address: str, on_loopback: bool):
    with socket.socket(family, kind) as opened:
        try:
            opened.bind((address, 0))
        except OSError as error:
            pytest.skip(f"no {address} here: {error}")
        if kind == socket.SOCK_STREAM:
            opened.listen()
        port = opened.getsockname()[1]
        (found,) = [listener for listener in listeners([os.getpid()]) if listener.port == port]
    assert ipaddress.ip_address(found.address) == ipaddress.ip_address(address)
    assert found.on_loopback == on_loopback


def test_the_proxy_listens_on_loopback_only(tmp_path: Path):
    (port,) = free_ports(1)
    with watched() as found:
        proxy = Proxy(port, tmp_path)
        found |= listeners([proxy.pid])
        proxy.close()
    assert {listener.address for listener in found if listener.port == proxy.port} == {"127.0.0.1"}
