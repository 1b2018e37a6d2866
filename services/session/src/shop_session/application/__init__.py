"""Use cases of session. The visitor is named by the digest of the session string; None is nobody yet."""
