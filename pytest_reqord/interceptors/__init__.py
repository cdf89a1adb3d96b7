"""One module a client, each at one seam, and what is active now."""
