"""Files that a command reads and writes; - is standard input or output."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import CommandError
from tqdm import tqdm

from vcfjobs.management.endings import USAGE
from vcfjobs.vrs.bgzf.files import BgzfWriter

STREAM = "-"


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
