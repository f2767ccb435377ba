"""Brings what a machine lacks: uv, engine environments, Java, jars. Nothing here runs during a measurement.

`bootstrap`, `folders`, `progress`, `system` and `uv` are standard library only: they run before an environment is
made.
"""

from harness.provisioning.folders import home

__all__ = ["home"]
