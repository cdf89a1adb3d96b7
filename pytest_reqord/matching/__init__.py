"""When a request is the one that was recorded, and what differs where it isn't."""
