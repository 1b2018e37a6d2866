"""The use cases of analytics: what batches of events change, what is told because of it, what is answered."""
