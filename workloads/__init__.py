"""What is asked of a stream processor: a query as data, a seeded event stream, the story behind it."""
