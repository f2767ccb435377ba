"""Which tests run in one process when several run at a time (pytest-xdist, `--dist loadgroup`)."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of an engine's cluster, or of a file's, stay together: so each starts once."""
    for item in items:
        if item.get_closest_marker("java") is None or item.get_closest_marker("xdist_group") is not None:
            continue
        chosen = getattr(item, "callspec", None)
        parameters = chosen.params if chosen is not None else {}
        engine = parameters.get("engine") or parameters.get("mode")
        name = engine if isinstance(engine, str) else engine[0] if engine else item.path.name
        item.add_marker(pytest.mark.xdist_group(name))
