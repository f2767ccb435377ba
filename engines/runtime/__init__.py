"""What the two built-in engines share: everything but the operator and the order in which it is driven.

A job is a supervisor process (the coordinator) and worker processes. A task is one partition of the input with its own
offset, watermark and state; as keys decide partitions, nothing is shuffled, and rescaling is another spread of tasks.
"""
