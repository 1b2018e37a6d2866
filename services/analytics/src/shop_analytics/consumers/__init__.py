"""Events in: the read models of what can be sold, and the sessions that each API process learns from."""
