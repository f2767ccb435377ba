"""From what a user asks to the plan of a run."""
