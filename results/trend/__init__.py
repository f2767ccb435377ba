"""How figures of a case go over runs on one machine: what was kept of each run, and where the level changed."""
