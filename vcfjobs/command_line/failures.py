"""How a command ends: exit code 0 done, 1 failed or 2 wrong usage, and one sentence, never a traceback."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from vcfjobs.errors import VcfJobsError

FAILED = 1
USAGE = 2


class CommandFailedError(Exception):
    """The command ends with this sentence and exit code."""

    def __init__(self, sentence: str, returncode: int = FAILED) -> None:
        super().__init__(sentence)
        self.returncode = returncode


@contextmanager
def one_sentence(failure: str, returncode: int = FAILED) -> Iterator[None]:
    """Turn an expected error into a CommandFailedError; `failure` begins the sentences of the disk.

    A reader that closes standard output ends the command quietly with code 1. SIGTERM and SIGINT unwind
    the command, so that no half-written file stays, and end it with the shell's codes, 143 and 130.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()  # others get no signals
    before = signal.signal(signal.SIGTERM, _leave) if in_main_thread else None
    try:
        yield
    except KeyboardInterrupt:
        raise SystemExit(128 + signal.SIGINT) from None
    except VcfJobsError as error:
        raise CommandFailedError(error.sentence, returncode) from error
    except BrokenPipeError:
        raise SystemExit(FAILED) from None
    except OSError as error:
        raise CommandFailedError(f"{failure}: {error.strerror}.") from error
    finally:
        if in_main_thread:
            signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def _leave(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)
