"""MongoDB: identity's collections and what is read from and written to them."""
