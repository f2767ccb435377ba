"""Who listens for whom, as Linux shows it in /proc/PID/net: sockets by the inode that a process's descriptors name."""

from __future__ import annotations

import ipaddress
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import psutil

from harness.host.warden import MARK, marked

_LISTENING, _UNCONNECTED = "0A", "07"
_STATES = {"tcp": _LISTENING, "tcp6": _LISTENING, "udp": _UNCONNECTED, "udp6": _UNCONNECTED}
_LOOK_S = 0.2


class Listener(NamedTuple):
    """A socket that takes what comes to it. program: the process's command, cut short."""

    kind: str
    address: str
    port: int
    program: str

    @property
    def on_loopback(self) -> bool:
        found = ipaddress.ip_address(self.address)
        mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
        return (mapped or found).is_loopback


def ours() -> set[int]:
    """Every process that we started, those included whose parent has gone: they carry the mark of the tests' run."""
    found = {child.pid for child in psutil.Process().children(recursive=True)} | {os.getpid()}
    return found | set(marked(os.environ[MARK])) if MARK in os.environ else found


def listeners(pids: Iterable[int]) -> set[Listener]:
    found: set[Listener] = set()
    for pid in pids:
        # It may have ended meanwhile.
        with suppress(OSError):
            inodes = set(_inodes(pid))
            program = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[-120:]
            for kind, state in _STATES.items():
                found |= {
                    Listener(kind, *_place(words[1]), program)
                    for words in map(str.split, Path(f"/proc/{pid}/net/{kind}").read_text().splitlines()[1:])
                    if words[3] == state and words[9] in inodes
                }
    return found


def _inodes(pid: int) -> Iterator[str]:
    for entry in os.scandir(f"/proc/{pid}/fd"):
        with suppress(OSError):
            target = Path(entry.path).readlink().name
            if target.startswith("socket:["):
                yield target[len("socket:[") : -1]


def _place(written: str) -> tuple[str, int]:
    """Address and port of 0100007F:1F90: each word of 32 bits in the byte order of the machine."""
    address, _, port = written.partition(":")
    words = [bytes.fromhex(address[place : place + 8])[::-1] for place in range(0, len(address), 8)]
    return str(ipaddress.ip_address(b"".join(words))), int(port, 16)


@contextmanager
def watched(pids: Callable[[], Iterable[int]] = ours) -> Iterator[set[Listener]]:
    """Every listener that was there at any look while entered, five of them a second; complete when it is left."""
    found: set[Listener] = set()
    done = threading.Event()

    def look() -> None:
        while not done.wait(_LOOK_S):
            found.update(listeners(pids()))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        done.set()
        thread.join()
