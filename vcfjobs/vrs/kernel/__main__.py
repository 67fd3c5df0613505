"""python -m vcfjobs.vrs.kernel: compile the kernel before the first worker or command needs it."""

from __future__ import annotations

import logging
import sys

from vcfjobs.vrs import kernel

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    sys.exit(0 if kernel.load() or not kernel.wanted() else 1)
