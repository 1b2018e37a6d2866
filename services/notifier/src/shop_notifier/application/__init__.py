"""What notifier does: use cases and queries. Each takes a unit of work; none opens one."""
