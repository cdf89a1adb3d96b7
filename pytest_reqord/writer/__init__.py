"""The writer service: every recording goes through it."""
