"""``python -m pytest_reqord``: the ``reqord`` command, where its script isn't on the path."""

from __future__ import annotations

import sys

from pytest_reqord.cli import main

if __name__ == "__main__":
    sys.exit(main())
