"""Events in: one module per owner, one delegating call per handler."""
