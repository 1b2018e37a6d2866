"""Session: visitor sessions, carts, saved state and activity."""
