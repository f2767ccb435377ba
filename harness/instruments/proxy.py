"""A TCP proxy between the engines and their broker, so that their link can be cut or slowed without touching ours.

A process of its own (an instrument): it forwards bytes on loopback, counts them, and does what it is told to the link.
Connections that are open when the link changes are subject to the change; nothing is dropped from a stream but by a
reset, since TCP would deliver it later as well.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from harness.failure import TrialFailure
from harness.instruments.channel import Commands, EndOfInput, Instrument, Message, answer

State = Literal["open", "cut"]

_PIECE = 65_536
_LOOK_S = 0.01
_ANSWER_S = 10.0


@dataclass
class Link:
    """How bytes pass, each way."""

    state: State = "open"
    """`cut`: nothing passes, and no new connection reaches the broker; those that are open stay open."""
    delay_s: float = 0.0
    """How long each piece is held back, in seconds."""
    rate: float = 0.0
    """The most bytes a second, for each direction of a connection; 0 for no limit."""
    forwarded: int = 0
    """Bytes that passed so far, both ways together."""
    connections: set[asyncio.StreamWriter] = field(default_factory=set)
    """Both ends of every connection that is open."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set at the next change, and then replaced: who waits for a change waits for this."""

    def change(self, state: State, delay_s: float, rate: float) -> None:
        self.state, self.delay_s, self.rate = state, delay_s, rate
        self.changed.set()
        self.changed = asyncio.Event()

    async def opened(self) -> None:
        while self.state == "cut":
            await self.changed.wait()


async def _forward(link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One direction of a connection, until either side ends it. Pieces that are delayed travel side by side."""
    waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=1024)

    async def read() -> None:
        while piece := await reader.read(_PIECE):
            await waiting.put((time.monotonic(), piece))
        await waiting.put((0.0, b""))

    reading = asyncio.create_task(read())
    try:
        while True:
            came_s, piece = await waiting.get()
            if not piece:
                return
            await link.opened()
            held_s = came_s + link.delay_s - time.monotonic()
            if held_s > 0:
                await asyncio.sleep(held_s)
                await link.opened()
            if link.rate:
                await asyncio.sleep(len(piece) / link.rate)
            writer.write(piece)
            await writer.drain()
            link.forwarded += len(piece)
    finally:
        reading.cancel()


async def _connection(
    link: Link, upstream: tuple[str, int], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    ends = [writer]
    try:
        # A connection is not even accepted by the broker while the link is cut.
        await link.opened()
        there, to_there = await asyncio.open_connection(*upstream)
        ends.append(to_there)
        link.connections |= set(ends)
        tasks = [
            asyncio.create_task(_forward(link, reader, to_there)),
            asyncio.create_task(_forward(link, there, writer)),
        ]
        _, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in left:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    except OSError:
        pass  # The broker is not there: the client sees its connection closed, as it would without us.
    finally:
        link.connections -= set(ends)
        for end in ends:
            end.close()


async def _serve(commands: Commands, setup: Message) -> None:
    link = Link()
    upstream = ("127.0.0.1", int(setup["upstream_port"]))
    handlers: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handler = asyncio.create_task(_connection(link, upstream, reader, writer))
        handlers.add(handler)
        handler.add_done_callback(handlers.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", int(setup["port"]))
    answer({"did": "setup", "port": server.sockets[0].getsockname()[1]})
    with suppress(EndOfInput):
        while True:
            command = commands.next(0.0)
            if command is None:
                await asyncio.sleep(_LOOK_S)
                continue
            match command["do"]:
                case "link":
                    link.change(command["state"], command["delay_s"], command["rate"])
                case "reset":
                    for end in tuple(link.connections):
                        end.transport.abort()
            answer({"did": command["do"], "forwarded": link.forwarded, "connections": len(link.connections) // 2})
    server.close()
    for handler in handlers:
        handler.cancel()
    await asyncio.gather(*handlers, return_exceptions=True)
    answer({"did": "end"})


class Proxy:
    """Directs a proxy from the harness. `port` is where engines connect to."""

    def __init__(self, upstream_port: int, logs: Path, port: int = 0) -> None:
        """upstream_port: on loopback. port: 0 for a free one. Raises TrialFailure if it cannot listen."""
        setup = {"upstream_port": upstream_port, "port": port}
        self._instrument = Instrument("proxy", "harness.instruments.proxy", setup, logs / "proxy.log")
        try:
            self.port = int(self._instrument.wait(_ANSWER_S, "to listen")["port"])
        except TrialFailure:
            self._instrument.close()
            raise

    @property
    def pid(self) -> int:
        return self._instrument.pid

    def link(self, state: State = "open", delay_s: float = 0.0, rate: float = 0.0) -> None:
        """Let bytes pass like this from now on."""
        self._instrument.ask({"do": "link", "state": state, "delay_s": delay_s, "rate": rate}, _ANSWER_S)

    def reset(self) -> None:
        """Abort every connection that is open."""
        self._instrument.ask({"do": "reset"}, _ANSWER_S)

    def forwarded(self) -> int:
        """Bytes that have passed so far, both directions."""
        return int(self._instrument.ask({"do": "count"}, _ANSWER_S)["forwarded"])

    def failure(self) -> TrialFailure | None:
        """Why nothing passes any more, or None while it does."""
        try:
            self._instrument.check()
        except TrialFailure as failure:
            return failure
        return None

    def close(self) -> None:
        self._instrument.close()


def main() -> None:
    commands = Commands()
    asyncio.run(_serve(commands, commands.setup))


if __name__ == "__main__":
    main()
