"""When and how faults fall while the load goes on."""
