"""Use cases of identity. Each takes a unit of work; those that hash passwords between two units take both."""
