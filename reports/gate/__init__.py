"""A gate's result for people and for other programs: pure functions of it."""
