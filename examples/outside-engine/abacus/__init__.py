"""Abacus: an example of what a package outside adds to Streamgauge. README.md says what each module shows."""
