"""A bound for a call that does not keep its own. Standard library only."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_logger = logging.getLogger(__name__)


@contextmanager
def ends_within(limit_s: float, doing: str) -> Iterator[None]:
    """Ends this process if the context is not left in time.

    A client's own time limits do not hold here: after a broker's restart librdkafka was seen to stay in
    `send_offsets_to_transaction` for minutes, given 30 s.
    """

    def end() -> None:
        _logger.error("%s took longer than %g s: the worker ends, for its successor to begin anew", doing, limit_s)
        logging.shutdown()
        os._exit(1)

    timer = threading.Timer(limit_s, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
