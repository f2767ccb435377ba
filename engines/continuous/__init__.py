"""The built-in continuous engine: a record at a time, results leave at once, checkpoints beside the work.

`operator` is the query's meaning, `runner` the order of events in a worker.
"""

from engines.runtime.cluster import BuiltinEngine

engine = BuiltinEngine(__package__, "record at a time; asynchronous checkpoints on a barrier every interval")
