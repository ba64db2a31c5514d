"""`python -m llamabot` is the command `llamabot`."""

from __future__ import annotations

import sys

from llamabot.app.cli import main

if __name__ == "__main__":
    sys.exit(main())
