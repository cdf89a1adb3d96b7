"""The ``reqord`` command."""
