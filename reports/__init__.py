"""Renders results; pure functions of what is stored."""
