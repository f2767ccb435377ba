"""Speeds, latencies, recovery and resources, each with the conditions under which it may be stated."""
