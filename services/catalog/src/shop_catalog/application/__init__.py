"""What catalog does: use cases and queries, each on the unit of work that it is given."""
