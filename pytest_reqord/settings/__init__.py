"""Options, record modes and places: what a user may set, and what follows from it."""
