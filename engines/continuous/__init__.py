"""The built-in continuous engine: a record at a time, results leave at once, checkpoints beside the work.

`operator` is the query's meaning, with a module for each family of shapes; `loop` and `accumulators` make the code that
is run for each event; `runner` is the order of events in a worker.
"""

from engines.runtime.cluster import BuiltinEngine

engine = BuiltinEngine(
    __package__, "record at a time; asynchronous checkpoints on a barrier every interval", "Python objects"
)
