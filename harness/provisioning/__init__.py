"""Brings what a machine lacks: uv, engine environments, Java, jars. Nothing here runs during a measurement.

`bootstrap`, `uv`, `folders`, `progress` and `system` are standard library only: they run before there is an
environment.
"""

from harness.provisioning.folders import home

__all__ = ["home"]
