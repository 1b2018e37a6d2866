"""The rules of visits, carts, saved states, consent and activity. No I/O, no framework."""
