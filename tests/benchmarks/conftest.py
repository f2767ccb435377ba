from __future__ import annotations

import os

import pytest


@pytest.fixture(scope="session", autouse=True)
def _jvms_as_users_have_them() -> None:
    """What the other tests set to be quick would change what is measured."""
    os.environ.pop("JAVA_TOOL_OPTIONS", None)
