"""The machine that a run is on: its disk, ports, processes and facts."""
