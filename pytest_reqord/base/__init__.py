"""Values and small tools that every other room may use; they know nothing of cassettes or pytest."""
