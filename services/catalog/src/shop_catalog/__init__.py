"""catalog: what can be bought, how much of it is left, and the orders for it."""
