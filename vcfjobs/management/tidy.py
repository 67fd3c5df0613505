"""A command that a signal stops ends as tidily as one that fails: nothing half-written stays behind."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def tidy_end() -> Iterator[None]:
    """Unwind on SIGTERM as on SIGINT, and end with the shell's exit codes (143, 130) and no traceback."""
    in_main_thread = threading.current_thread() is threading.main_thread()  # signals are its alone
    before = signal.signal(signal.SIGTERM, _leave) if in_main_thread else None
    try:
        yield
    except KeyboardInterrupt:
        raise SystemExit(128 + signal.SIGINT) from None
    finally:
        if in_main_thread:
            signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def _leave(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)
