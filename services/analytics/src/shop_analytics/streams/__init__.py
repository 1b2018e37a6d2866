"""Streams in: what happens all the time, counted batch by batch. Faust carries, MongoDB remembers."""
