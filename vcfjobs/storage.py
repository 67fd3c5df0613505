"""The work directory: every path in it, and how files arrive, are published and are deleted.

    <work>/spool/                 uploads that are still arriving
    <work>/runs/<uuid>/input      the stored upload, whatever its format
    <work>/runs/<uuid>/<n>.part*  the unpublished files of attempt n
    <work>/runs/<uuid>/<n>.shards/ the parts of the shards that attempt n cut, until they are joined
    <work>/runs/<uuid>/<n>.vcf.gz the published result of attempt n; beside it .gzi (blocks) and .tbi (tabix)

A result is named by its attempt, so a worker that was presumed dead and comes back cannot overwrite the
result of another. The row's attempt says which file counts.

Neither a client's file name nor its run_id is ever part of a path. No other module joins paths.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from uuid import UUID

from django.conf import settings

from vcfjobs.errors import StorageFullError

INPUT = "input"


def root() -> Path:
    return Path(settings.ANYVAR_VCF_ASYNC_WORK_DIR)


def spool() -> Path:
    """Where arriving uploads are written: on the same file system as the runs, so that a move is a rename."""
    return root() / "spool"


def runs() -> Path:
    return root() / "runs"


def prepare() -> None:
    """Make the folders, readable only by the service: genomes are personal data."""
    for folder in (root(), spool(), runs()):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def run_folder(pk: UUID) -> Path:
    return runs() / str(pk)


def input_path(pk: UUID) -> Path:
    return run_folder(pk) / INPUT


def part_path(pk: UUID, attempt: int) -> Path:
    """The unpublished result of one attempt; its indexes are beside it, with longer names."""
    return run_folder(pk) / f"{attempt}.part.gz"


def result_path(pk: UUID, attempt: int) -> Path:
    """The published BGZF result of one attempt; its indexes are beside it."""
    return run_folder(pk) / f"{attempt}.vcf.gz"


def validation_path(pk: UUID, attempt: int) -> Path:
    return run_folder(pk) / f"{attempt}.csv"


def recompressed_path(pk: UUID, attempt: int) -> Path:
    """The unpublished BGZF copy of an upload that came as gzip or BCF."""
    return run_folder(pk) / f"{attempt}.input.part"


def shard_folder(pk: UUID, cut_attempt: int) -> Path:
    return run_folder(pk) / f"{cut_attempt}.shards"


def shard_path(pk: UUID, cut_attempt: int, number: int, attempt: int) -> Path:
    """The part that one attempt of a shard writes: BGZF without an end block; its .gzi is beside it."""
    return shard_folder(pk, cut_attempt) / f"{number}.{attempt}.gz"


def beside(path: Path, kind: str) -> Path:
    """The index of a part or result: its blocks ("gzi", as htslib writes them) or tabix ("tbi")."""
    return path.with_name(f"{path.name}.{kind}")


def make_shard_folder(pk: UUID, cut_attempt: int) -> None:
    """Make the folder for the parts of a run, unless this attempt has made it before."""
    shard_folder(pk, cut_attempt).mkdir(mode=0o700, exist_ok=True)
    sync(run_folder(pk))


def adopt_upload(spooled: Path, pk: UUID) -> Path:
    """Move a spooled upload, whose bytes are on disk, into the run's own folder."""
    folder = run_folder(pk)
    folder.mkdir(mode=0o700, parents=True)
    target = folder / INPUT
    spooled.rename(target)
    sync(folder)
    sync(folder.parent)
    return target


def append(part: Path, file: IO[bytes]) -> None:
    """Append a part to an open file.

    The operating system copies; where the file system shares extents, nothing is copied.
    """
    with part.open("rb") as source:
        left = part.stat().st_size
        file.flush()
        while left:
            try:
                copied = os.copy_file_range(source.fileno(), file.fileno(), min(left, 1 << 30))
            except OSError as error:
                if error.errno not in (errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP):
                    raise
                copied = os.sendfile(file.fileno(), source.fileno(), None, min(left, 1 << 30))
            if not copied:
                raise OSError(errno.EIO, "a part has become shorter")
            left -= copied


def fsync_shard(part: Path) -> None:
    """Return when a shard's part and its indexes are on disk, under their names."""
    for path in part.parent.glob(f"{part.name}*"):
        sync(path)
    sync(part.parent)


def publish(part: Path, target: Path) -> None:
    """Give a finished part its public name in one step, after its bytes are on disk."""
    sync(part)
    part.replace(target)
    sync(target.parent)


def keep_result(pk: UUID, attempt: int) -> None:
    """Remove all files of a successful run except those that its attempt published."""
    published = (result_path(pk, attempt).name, validation_path(pk, attempt).name)
    _keep(pk, lambda name: name.startswith(published))


def keep_input(pk: UUID, attempt: int) -> None:
    """Remove all files of a failed or cancelled run except its input, which a retry needs.

    Files of attempts after `attempt` stay: they belong to a retry that has started meanwhile.
    """

    def is_later(name: str) -> bool:
        number = name.partition(".")[0]
        return number.isdecimal() and int(number) > attempt

    _keep(pk, lambda name: name == INPUT or is_later(name))


def _keep(pk: UUID, wanted: Callable[[str], bool]) -> None:
    with suppress(FileNotFoundError):
        for path in list(run_folder(pk).iterdir()):
            if wanted(path.name):
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def drop_run(pk: UUID) -> None:
    shutil.rmtree(run_folder(pk), ignore_errors=True)


def has_input(pk: UUID) -> bool:
    return input_path(pk).is_file()


def is_mounted(pk: UUID) -> bool:
    """Whether this host sees the service's work directory: the folder of this run, or of any other.

    If a shared folder is not mounted, there is no such folder, or an empty one at the same path.
    """
    try:
        return run_folder(pk).is_dir() or next(run_folders(), None) is not None
    except OSError:
        return False


def free_bytes() -> int:
    """Bytes that this process may still write to the work directory's file system."""
    return shutil.disk_usage(root()).free


def run_folders() -> Iterator[UUID]:
    with os.scandir(runs()) as entries:
        for entry in entries:
            with suppress(ValueError):
                yield UUID(entry.name)


def stale_spool(older_than: float) -> Iterator[Path]:
    """Uploads that have not grown for `older_than` seconds: their request has ended."""
    return (path for path in spool().iterdir() if _is_older(path, older_than))


def stale_folders(older_than: float) -> Iterator[UUID]:
    """The keys of the runs whose folders have not changed for `older_than` seconds."""
    return (pk for pk in run_folders() if _is_older(run_folder(pk), older_than))


def _is_older(path: Path, seconds: float) -> bool:
    with suppress(FileNotFoundError):
        return path.stat().st_mtime < time.time() - seconds
    return False


@contextmanager
def full_disk_as_error() -> Iterator[None]:
    """Turn "no space left" into StorageFullError."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise StorageFullError from error
        raise


def sync(path: Path) -> None:
    """Return when the bytes of a file, or the names in a folder, are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
