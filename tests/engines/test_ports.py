"""Ports that are reserved are nobody else's meanwhile."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from engines import ports
from engines.ports import free_ports, reserved
from engines.protocol import EngineFailure


@pytest.fixture
def taken() -> Iterator[int]:
    """A loopback port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_nobody_gets_a_reserved_port_until_it_is_given_back():
    with reserved(None, None) as found, socket.socket() as other:
        assert len(set(found)) == 2
        with pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", found[0]))
    with socket.create_server(("127.0.0.1", found[0])):
        pass


def test_a_port_that_is_asked_for_is_not_taken_for_a_free_one(monkeypatch: pytest.MonkeyPatch):
    (first, second) = sorted(free_ports(2))
    monkeypatch.setattr(ports, "_FREE", (first, second))
    for _ in range(20):
        with reserved(None, second) as found:
            assert found == [first, second]


def test_a_port_in_use_is_named_with_a_remedy(taken: int):
    with (
        pytest.raises(EngineFailure, match=f"cannot use port {taken}: Address already in use") as caught,
        reserved(taken),
    ):
        pass
    assert caught.value.where == f"127.0.0.1:{taken}"
    assert caught.value.remedy


def test_where_none_is_free_that_is_said(taken: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ports, "_FREE", range(taken, taken + 1))
    with pytest.raises(EngineFailure, match=f"found too few free ports from {taken} to {taken}"):
        free_ports(1)
