"""The built-in micro-batch engine: each trigger takes all that is there, in columns, and commits once.

`operator` is the query's meaning, with a module for each family of shapes; `accumulators`, `groups` and `expressions`
what these have in common; `columns`, `words` and `labels` how events become columns; `runner` the order of events in a
worker.
"""

from engines.runtime.cluster import BuiltinEngine

engine = BuiltinEngine(__package__, "all that is there every interval; one commit a batch", "Arrow arrays")
