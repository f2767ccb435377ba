"""The gate's trials: which revisions, in what order, each on its own code."""
