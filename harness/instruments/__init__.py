"""Processes of our own that load, collect, sample and forward."""
