"""Rules of identity: users, token families, signing keys, revocations, throttling. No I/O."""
