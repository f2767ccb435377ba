"""Record at a time: a dictionary of open windows, each a dictionary of accumulators by key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from engines.runtime.connector import Results, Slice
from engines.runtime.events import EventDecoder, attribute
from engines.runtime.rows import row_type
from workloads.query import Aggregate, Query

Window = dict[str, tuple[int, ...]]
"""Values by key, in the order of `query.shape.outputs`. A new tuple for each event is quicker than a changed list."""

_NEVER = 1 << 62


class _State(msgspec.Struct):
    """latest: largest event time, -1 at first. windows: by start."""

    latest: int = -1
    late: int = 0
    broken: int = 0
    windows: dict[int, Window] = msgspec.field(default_factory=dict)


_INITIAL = {"count": "1", "sum": "{0}", "min": "{0}", "max": "{0}"}
_UPDATE = {
    "count": "h{1} + 1",
    "sum": "h{1} + {0}",
    "min": "h{1} if h{1} < {0} else {0}",
    "max": "h{1} if h{1} > {0} else {0}",
}

_LOOP = """
def process(operator, events):
    state = operator.state
    windows, latest, due = state.windows, state.latest, operator.due
    start = end = -1
    for event in events:
        time = event.{time}
        if time > latest:
            latest = time
            if time >= due:
                due = operator.close(time)
                start = end = -1
        if not start <= time < end:
            start = time - time % {size}
            end = start + {size}
            window = windows.get(start)
            if window is None:
                if end <= latest - {delay}:
                    state.late += 1
                    start = end = -1
                    continue
                window = windows[start] = {{}}
                if end + {delay} < due:
                    due = end + {delay}
        key = event.{key}
        held = window.get(key)
        {loads}
        if held is None:
            window[key] = ({initial})
        else:
            {names} = held
            window[key] = ({update})
    state.latest, operator.due = latest, due
"""


def compile_loop(query: Query) -> Callable[[Operator, list[Any]], None]:
    """The loop over events for one query. Interpreting the aggregates for each event would take three times as long."""

    def value(aggregate: Aggregate) -> str:
        return attribute(query, aggregate.column) if aggregate.column is not None else ""

    values = sorted({value(aggregate) for aggregate in query.shape.outputs if aggregate.column is not None})
    source = _LOOP.format(
        time=attribute(query, query.time),
        key=attribute(query, query.key),
        size=query.shape.window.size_ms,
        delay=query.watermark_delay_ms,
        loads="; ".join(f"{name} = event.{name}" for name in values),
        initial=", ".join(_INITIAL[aggregate.function].format(value(aggregate)) for aggregate in query.shape.outputs),
        names=", ".join(f"h{i}" for i in range(len(query.shape.outputs))),
        update=", ".join(
            _UPDATE[aggregate.function].format(value(aggregate), i) for i, aggregate in enumerate(query.shape.outputs)
        ),
    )
    namespace: dict[str, Any] = {}
    exec(source, namespace)  # noqa: S102 - made of our own text, numbers, and attribute names that we numbered
    process: Callable[[Operator, list[Any]], None] = namespace["process"]
    return process


class Operator:
    """See `engines.runtime.operator`. due: the event time at which the next window can be closed."""

    def __init__(self, query: Query, partition: int, state: bytes | None) -> None:
        self.state = msgspec.msgpack.decode(state, type=_State) if state else _State()
        self._partition = partition
        self._size, self._delay = query.shape.window.size_ms, query.watermark_delay_ms
        self._decoder = EventDecoder(query)
        self._row = row_type(query)
        self._encoder = msgspec.json.Encoder()
        self._process = compile_loop(query)
        self._keys: list[bytes] = []
        self._rows: list[bytes] = []
        self.due = self._next_due()

    @property
    def late(self) -> int:
        return self.state.late

    @property
    def broken(self) -> int:
        return self.state.broken

    def _next_due(self) -> int:
        return min(self.state.windows, default=_NEVER) + self._size + self._delay

    def close(self, latest: int) -> int:
        """Turn every window that is due at this largest event time into rows; when the next one will be."""
        windows, size = self.state.windows, self._size
        for start in sorted(start for start in windows if start + size <= latest - self._delay):
            window = windows.pop(start)
            self._keys.extend(map(str.encode, window))
            end = start + size
            rows = [self._row(key, start, end, *held) for key, held in window.items()]
            self._rows.append(self._encoder.encode_lines(rows).rstrip())
        return self._next_due()

    def feed(self, part: Slice) -> None:
        events, broken = self._decoder.decode(part)
        self.state.broken += broken
        self._process(self, events)

    def results(self) -> Results | None:
        if not self._keys:
            return None
        results = Results(self._partition, self._keys, b"\n".join(self._rows))
        self._keys, self._rows = [], []
        return results

    def snapshot(self) -> bytes:
        return msgspec.msgpack.encode(self.state)
