"""Judges stored histories. Never imports an engine or a trial."""
