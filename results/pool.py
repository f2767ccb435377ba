"""Processes of the judge: each does one task after the other, so that a large history is judged on two cores.

They end with the judge, whatever ends it: each holds the read end of a pipe whose other end the judge alone has.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import Any, TypeVar

PROCESSES = 2
"""The smallest machine that the project supports has two cores."""

TASK_S = 3_600.0
"""A task that takes longer than this is taken for one that hangs."""

_END_S = 10.0

Argument = TypeVar("Argument")
Result = TypeVar("Result")


class Pool:
    """Some processes; none where tasks are done in this one. A context: at its end they have ended."""

    def __init__(self, processes: int, scratch: Path) -> None:
        """scratch: a folder that they remove if the judge is killed."""
        self._processes, self._scratch = processes, scratch
        self._started: list[tuple[subprocess.Popen[bytes], Connection]] = []
        self._theirs, self._alive = os.pipe()

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_raised: object) -> None:
        self._end()
        os.close(self._theirs)
        os.close(self._alive)

    def each(self, task: Callable[[Argument], Result], arguments: Sequence[Argument]) -> Iterator[tuple[int, Result]]:
        """Do the task for each argument, in the order given, and yield results as they come, each with the argument's
        place. Raises what a task raises; RuntimeError if a process ends, or does not answer in time.
        """
        if not self._processes:
            yield from enumerate(map(task, arguments))
            return
        try:
            while len(self._started) < self._processes:
                self._started.append(_started(self._theirs, self._scratch))
            yield from self._shared(task, arguments)
        except BaseException:
            # Some may still be at tasks that nobody waits for.
            self._end()
            raise

    def _shared(
        self, task: Callable[[Argument], Result], arguments: Sequence[Argument]
    ) -> Iterator[tuple[int, Result]]:
        left = list(enumerate(arguments))[::-1]
        free = [connection for _, connection in self._started]
        at_work: dict[Connection, int] = {}
        while left or at_work:
            while left and free:
                connection = free.pop()
                at_work[connection], argument = left.pop()
                connection.send_bytes(pickle.dumps((task, argument)))
            ready: list[Any] = wait(list(at_work), TASK_S)
            if not ready:
                raise RuntimeError(f"a process of the judge did not answer for {TASK_S:.0f} s")
            for answered in ready:
                place = at_work.pop(answered)
                free.append(answered)
                yield place, _received(answered)

    def _end(self) -> None:
        for started, connection in self._started:
            connection.close()
            started.kill()
        for started, _ in self._started:
            started.wait(_END_S)
        self._started = []


def _received(connection: Connection) -> Any:
    try:
        raised, found = pickle.loads(connection.recv_bytes())  # noqa: S301 - of our own process
    except (EOFError, OSError) as error:
        raise RuntimeError("a process of the judge ended in the middle of its task; is memory short?") from error
    if not raised:
        return found
    kind, arguments, state = found
    # Not by calling it: what an exception is made of need not be what it keeps.
    made = kind.__new__(kind, *arguments)
    made.__dict__.update(state)
    raise made


def _started(alive: int, scratch: Path) -> tuple[subprocess.Popen[bytes], Connection]:
    ours, theirs = Pipe()
    with theirs:
        # As we run: with -E where we obey no PYTHONPATH.
        as_we = ["-E", "-P"] if sys.flags.ignore_environment else ["-P"]
        words = [sys.executable, *as_we, "-m", "results.pool", str(theirs.fileno()), str(alive), str(scratch)]
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(), alive),
            # What is typed at the terminal ends the judge, which ends them.
            start_new_session=True,
        )
    return process, ours


def _work(connection: Connection) -> None:
    while True:
        try:
            asked = connection.recv_bytes()
        except EOFError:
            return
        try:
            task, argument = pickle.loads(asked)  # noqa: S301 - of the judge
            answer: tuple[bool, Any] = False, task(argument)
        except Exception as error:
            answer = True, (type(error), error.args, error.__dict__)
        connection.send_bytes(pickle.dumps(answer))


def _end_with_the_judge(alive: int, scratch: Path) -> None:
    os.read(alive, 1)
    # Another process of the judge may be at the same.
    with contextlib.suppress(OSError):
        shutil.rmtree(scratch)
    os._exit(1)


def main() -> None:
    descriptor, alive, scratch = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    threading.Thread(target=_end_with_the_judge, args=(alive, scratch), daemon=True).start()
    with contextlib.suppress(OSError):
        _work(Connection(descriptor))


if __name__ == "__main__":
    main()
