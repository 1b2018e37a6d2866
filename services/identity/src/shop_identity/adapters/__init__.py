"""Outward ports of identity: the pool that hashes passwords, and the cryptography of signing keys."""
