"""Runs trials and records histories."""
