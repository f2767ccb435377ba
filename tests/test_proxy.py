"""The link between engines and broker can be cut, slowed, throttled and reset; what passes arrives in order."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.instruments.proxy import Proxy

WAIT_S = 10.0


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that sends everything back."""
    server = socket.create_server(("127.0.0.1", 0))

    def talk(connection: socket.socket) -> None:
        with connection:
            while True:
                try:
                    data = connection.recv(65_536)
                    if not data:
                        return
                    connection.sendall(data)
                except OSError:
                    return

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(WAIT_S)


@pytest.fixture
def proxy(echo: int, tmp_path: Path) -> Iterator[Proxy]:
    proxy = Proxy(echo, tmp_path)
    yield proxy
    proxy.close()


def connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), WAIT_S)


def exchange(client: socket.socket, data: bytes) -> bytes:
    client.sendall(data)
    back = b""
    while len(back) < len(data):
        piece = client.recv(65_536)
        assert piece, "the connection was closed"
        back += piece
    return back


def test_every_byte_passes_in_order_and_is_counted(proxy: Proxy):
    data = bytes(range(256)) * 4_000
    with connect(proxy) as client:
        sender = threading.Thread(target=client.sendall, args=(data,))
        sender.start()
        back = b""
        while len(back) < len(data):
            back += client.recv(65_536)
        sender.join()
    assert back == data
    assert proxy.forwarded() >= 2 * len(data)


def test_nothing_passes_while_the_link_is_cut_and_all_of_it_afterwards(proxy: Proxy):
    with connect(proxy) as client:
        assert exchange(client, b"before") == b"before"
        proxy.link("cut")
        before = proxy.forwarded()
        client.sendall(b"during")
        client.settimeout(0.5)
        with pytest.raises(TimeoutError):
            client.recv(10)
        assert proxy.forwarded() == before
        client.settimeout(WAIT_S)
        proxy.link("open")
        assert client.recv(10) == b"during"


def test_a_new_connection_gets_no_answer_while_the_link_is_cut(proxy: Proxy):
    proxy.link("cut")
    with connect(proxy) as client:
        client.sendall(b"hello")
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.recv(10)
        client.settimeout(WAIT_S)
        proxy.link()
        assert client.recv(10) == b"hello"


def test_a_delay_holds_each_direction_back_and_does_not_add_up_over_pieces(proxy: Proxy):
    with connect(proxy) as client:
        exchange(client, b"x")
        proxy.link(delay_s=0.2)
        began = time.monotonic()
        for _ in range(10):
            client.sendall(b"y" * 1000)
        back = b""
        while len(back) < 10_000:
            back += client.recv(65_536)
        took = time.monotonic() - began
    assert 0.4 <= took < 0.4 * 5


def test_a_rate_limits_how_much_passes(proxy: Proxy):
    with connect(proxy) as client:
        exchange(client, b"x")
        proxy.link(rate=200_000)
        began = time.monotonic()
        exchange(client, b"z" * 60_000)
        assert time.monotonic() - began >= 60_000 / 200_000


def test_a_reset_ends_open_connections_and_new_ones_work(proxy: Proxy):
    with connect(proxy) as client:
        exchange(client, b"x")
        proxy.reset()
        with pytest.raises(OSError):
            for _ in range(100):
                if not client.recv(10):
                    raise ConnectionResetError
                client.sendall(b"more")
    with connect(proxy) as client:
        assert exchange(client, b"again") == b"again"


def test_a_server_that_is_not_there_closes_the_connection(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    proxy = Proxy(port, tmp_path)
    try:
        with connect(proxy) as client:
            assert client.recv(10) == b""
    finally:
        proxy.close()
