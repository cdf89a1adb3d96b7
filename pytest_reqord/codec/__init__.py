"""Interactions to bytes and back; no path, no file, no clock."""
