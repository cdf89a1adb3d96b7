"""The life of a recording: opened, staged, saved or kept as a draft."""
