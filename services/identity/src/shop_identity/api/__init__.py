"""HTTP in: identity's routes, what they take and give, and how errors are answered."""
