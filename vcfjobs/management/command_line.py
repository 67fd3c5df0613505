"""How a command reads and writes files, where - is standard input or output, and how it ends.

It ends with exit code 0 done, 1 failed or 2 wrong usage, and one sentence, never a traceback.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO

from django.core.management.base import CommandError
from django.db import DatabaseError
from tqdm import tqdm

from vcfjobs.errors import VcfJobsError
from vcfjobs.vrs.bgzf.files import BgzfWriter

STREAM = "-"
FAILED = 1
USAGE = 2


@contextmanager
def reading(path: str) -> Iterator[BinaryIO]:
    """Open a file to read. Raises CommandError."""
    if path == STREAM:
        yield sys.stdin.buffer
        return
    with _opened(path, Path(path), "rb") as file:
        yield file


@contextmanager
def writing(path: str) -> Iterator[BinaryIO | BgzfWriter]:
    """Open a file to write, BGZF when its name ends in .gz; it gets its name when it is complete.

    After an error no part of it stays. A device or pipe is written to and never replaced. Raises
    CommandError.
    """
    target = Path(path)
    if path == STREAM:
        try:
            yield sys.stdout.buffer
            sys.stdout.flush()
        except OSError:
            _discard_stdout()
            raise
    elif target.exists() and not target.is_file():
        with _opened(path, target, "wb") as stream:
            yield stream
    else:
        target = target.resolve() if target.is_symlink() else target  # the link stays, its file is replaced
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        file = _opened(path, part, "wb")
        try:
            with file:
                if target.suffix == ".gz":
                    writer = BgzfWriter(file)
                    yield writer
                    writer.close()
                else:
                    yield file
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)


def progress(unit: str, total: int | None, **options: Any) -> tqdm[Any]:
    """A progress bar on standard error; silent unless that is a terminal."""
    return tqdm(
        total=total, unit=unit, unit_scale=True, file=sys.stderr, disable=not sys.stderr.isatty(), **options
    )


def size_of(file: BinaryIO) -> int | None:
    """Bytes of an open file; None when that is not known."""
    try:
        return os.fstat(file.fileno()).st_size or None
    except OSError:
        return None


def _opened(path: str, file: Path, mode: str) -> Any:
    try:
        return file.open(mode)
    except OSError as error:
        done = "read" if mode == "rb" else "written"
        raise CommandError(f"{path} cannot be {done}: {error.strerror}.", returncode=USAGE) from error


def _discard_stdout() -> None:
    """Keep what is still buffered from being flushed at exit, where it would fail again (code 120)."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
