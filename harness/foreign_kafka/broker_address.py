"""The address of a Kafka that is not ours, as its user writes it. Pure."""

from __future__ import annotations

import re

EXAMPLE = "localhost:9092, [::1]:9092, or several: kafka-1:9092,kafka-2:9092"

_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}")
_BRACKETED = re.compile(r"\[[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(%[A-Za-z0-9_.-]+)?\]")
_PORT = re.compile("[0-9]{1,5}")
_MOST = 100
"""Addresses in one list: a client needs a few to find the others by."""


def normalised(text: str) -> str:
    """One address HOST:PORT or several with commas between them, without spaces and none of them twice.

    Raises ValueError, which says what is wrong with which of them.
    """
    parts = [part.strip() for part in text.split(",")]
    if parts == [""]:
        raise ValueError("the broker's address is empty")
    if "" in parts:
        raise ValueError(f"{text!r} has a comma with no address beside it")
    if len(parts) > _MOST:
        raise ValueError(f"{len(parts)} addresses are too many: {_MOST} at most")
    return ",".join(dict.fromkeys(_one(part) for part in parts))


def _one(part: str) -> str:
    if "@" in part:
        # Not shown: it may hold a password.
        raise ValueError("an address with @ in it is not HOST:PORT: names and passwords have no place in it")
    if wrong := _wrong(part):
        raise ValueError(f"{part!r} is not HOST:PORT: {wrong}")
    host, _, port = part.rpartition(":")
    return f"{host}:{int(port)}"


def _wrong(part: str) -> str:
    """What is wrong with an address; empty where nothing is."""
    host, colon, port = part.rpartition(":")
    if "://" in part:
        return f"leave {part.partition('://')[0]}:// out"
    if any(character.isspace() for character in part):
        return "it has a space in it, and several addresses have commas between them"
    if not colon or (part.startswith("[") and part.endswith("]")):
        return "it has no port"
    if not host:
        return "it has no host"
    if ":" in host and not host.startswith("["):
        return "an IPv6 address stands in brackets, as in [::1]:9092"
    if not (_BRACKETED if host.startswith("[") else _HOST).fullmatch(host):
        return f"{host!r} is no name of a host"
    if not _PORT.fullmatch(port) or not 0 < int(port) < 2**16:
        return "a port is a number from 1 to 65535"
    return ""
