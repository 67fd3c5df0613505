"""How a command ends: exit code 0 done, 1 failed, 2 wrong usage; one sentence, never a traceback."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from django.core.management.base import CommandError
from django.db import DatabaseError

from vcfjobs.errors import VcfJobsError

FAILED = 1
USAGE = 2


@contextmanager
def one_sentence(failure: str, returncode: int = FAILED) -> Iterator[None]:
    """Turn an expected error into a CommandError; `failure` begins the sentences of disk and database.

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
        raise CommandError(error.sentence, returncode=returncode) from error
    except DatabaseError as error:
        sentence = f"{failure}: the database reports an error ({error}). Run: manage.py migrate"
        raise CommandError(sentence, returncode=returncode) from error
    except BrokenPipeError:
        raise SystemExit(FAILED) from None
    except OSError as error:
        raise CommandError(f"{failure}: {error.strerror}.", returncode=FAILED) from error
    finally:
        if in_main_thread:
            signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def _leave(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)
