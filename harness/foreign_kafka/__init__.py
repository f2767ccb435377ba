"""A Kafka that is not ours (`--kafka`): found, refused where a run could not be right, used, and left as it was."""
