"""Files and locks: paths and bytes in, nothing of interactions."""
