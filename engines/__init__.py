"""How each system answers a query: one folder an engine, found by existing."""
