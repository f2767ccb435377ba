"""The machine that a run is on: its disk, its CPUs, its processes, and what is known of it."""
