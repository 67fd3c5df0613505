"""How a command reads and writes files, where - is standard input or output."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from tqdm import tqdm

from vcfjobs.command_line.failures import USAGE, CommandFailedError
from vcfjobs.vrs.bgzf.files import BgzfWriter

STREAM = "-"


class Output(NamedTuple):
    """An open file, and whether its name asks for BGZF, which its writer has to make."""

    file: BinaryIO
    bgzf: bool


@contextmanager
def reading(path: str) -> Iterator[BinaryIO]:
    """Open a file to read. Raises CommandFailedError."""
    if path == STREAM:
        yield sys.stdin.buffer
        return
    with _opened(path, Path(path), "rb") as file:
        yield file


@contextmanager
def output(path: str) -> Iterator[Output]:
    """Open a file to write, which gets its name when it is complete; a name in .gz asks for BGZF.

    After an error no part of it stays. A device or pipe is written to and never replaced. Raises
    CommandFailedError.
    """
    target = Path(path)
    if path == STREAM:
        try:
            yield Output(sys.stdout.buffer, bgzf=False)
            sys.stdout.flush()
        except OSError:
            _discard_stdout()
            raise
    elif target.exists() and not target.is_file():
        with _opened(path, target, "wb") as stream:
            yield Output(stream, bgzf=False)
    else:
        target = target.resolve() if target.is_symlink() else target  # the link stays, its file is replaced
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        file = _opened(path, part, "wb")
        try:
            with file:
                yield Output(file, bgzf=target.suffix == ".gz")
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def writing(path: str) -> Iterator[BinaryIO | BgzfWriter]:
    """Open a file to write text into, as `output` does; BGZF is made where the name asks for it."""
    with output(path) as (file, bgzf):
        if bgzf:
            writer = BgzfWriter(file)
            yield writer
            writer.close()
        else:
            yield file


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
        raise CommandFailedError(f"{path} cannot be {done}: {error.strerror}.", USAGE) from error


def _discard_stdout() -> None:
    """Keep what is still buffered from being flushed at exit, where it would fail again (code 120)."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
