"""Session's collections in MongoDB."""
