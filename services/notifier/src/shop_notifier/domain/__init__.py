"""What a notification is, what may become of it, and how amounts are written. No I/O, no framework."""
