"""A cassette as a file: read once, edited, saved in one step."""
