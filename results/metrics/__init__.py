"""Speeds, latencies, recovery and resources. A measurement is found by its existence: a module here that has
`measurement`, or an entry point of the group `streamgauge.metrics`.
"""
