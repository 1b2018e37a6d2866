"""The event backbone: contracts, topics, unit of work, outbox, inbox, consumer. Knows nothing of HTTP."""
