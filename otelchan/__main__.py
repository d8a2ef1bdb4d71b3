"""`python -m otelchan`."""

from __future__ import annotations

import sys

from otelchan.cli import main

if __name__ == "__main__":
    sys.exit(main())
