"""What notifier keeps in MongoDB, and the unit of work over it."""
