"""A Java agent for executors, by which Spark's servers listen on loopback only, also those that no setting tells so."""

from __future__ import annotations

import zipfile
from pathlib import Path

from engines.java_classes import compiled
from engines.protocol import EngineFailure, Site

_AGENT = "LoopbackServers"
_MANIFEST = f"Manifest-Version: 1.0\nPremain-Class: {_AGENT}\n"
_ASM = "xbean-asm9-shaded-*.jar"
"""Spark brings it, and so it is on the executors' class path."""


def agent(site: Site, home: Path) -> Path:
    """The agent's jar, in the cluster's directory. home: that of Spark. Raises EngineFailure if it cannot be made."""
    made = site.directory / "loopback.jar"
    if made.exists():
        # Executors have it open.
        return made
    asm = sorted((home / "jars").glob(_ASM))
    if not asm or site.java_home is None:
        raise EngineFailure(f"there is no {_ASM} among Spark's jars, or no JDK", str(home / "jars"))
    classes = compiled(Path(__file__).parent, site.cache, site.java_home, asm)
    with zipfile.ZipFile(made, "w") as jar:
        jar.writestr("META-INF/MANIFEST.MF", _MANIFEST)
        for path in sorted(classes.glob("*.class")):
            jar.write(path, path.name)
    return made
