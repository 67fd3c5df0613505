"""A FASTA as a reference without registration: flattened once into a cache folder, then found there.

The cache has a folder for each FASTA, named by the SHA-256 of the file as it is (compressed or not), with
its flat sequences and `contigs.json`. Such a folder gets its name when it is complete, so nothing that was
interrupted is taken for a finished one. `index.json` remembers the SHA-256 of each path together with the
file's size and mtime in nanoseconds: while both are unchanged, the file is not read again. A file that is
changed without a change of either is not noticed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from vcfjobs.cache_folder import locked, user_cache
from vcfjobs.command_line.failures import USAGE, CommandFailedError, one_sentence
from vcfjobs.command_line.files import progress, reading
from vcfjobs.vrs.sequences.flatten import FlatContig, flatten

# Of contigs.json and of what a flat file holds; a folder with another number is made again.
FORMAT = 1
CONTIGS = "contigs.json"
INDEX = "index.json"
BUILDING = ".building-"
READ_BYTES = 1 << 20

Say = Callable[[str], object]


class Stored(NamedTuple):
    """The folder of a FASTA's flat files, and its contigs in the file's order."""

    folder: Path
    contigs: list[FlatContig]


class Stamp(NamedTuple):
    """What is compared to know that a file is unchanged: its path, bytes and mtime."""

    path: str
    size: int
    mtime_ns: int


def default_cache() -> Path:
    """The cache folder where none is named."""
    return user_cache("vcfjobs-references")


def stored(fasta: str, cache: Path, say: Say) -> Stored:
    """The flat files of a plain, gzip or BGZF FASTA, which are made where the cache does not have them.

    Two calls for one file at the same time make them once. Raises CommandFailedError; nothing half-made
    stays in the cache.
    """
    with (
        one_sentence(f"The reference cannot be stored in {cache}"),
        reading(fasta) as file,
    ):
        stamp = _stamp(fasta, file)
        if found := _find(cache, stamp):
            return found
        with locked(cache, lambda: say(f"waiting for another command that fills {cache}")) as alone:
            if found := _find(cache, stamp):
                return found
            digest = _digest(file, stamp)
            found = _open(cache / digest)
            if found is None:
                if alone:
                    _drop_interrupted(cache)
                say(f"storing the sequences of {fasta} in {cache}: once, until the file changes")
                found = _build(file, stamp, cache / digest)
            if _stamp(fasta, file) != stamp:
                raise CommandFailedError(f"{fasta} was changed while it was read. Try again.")
            _remember(cache, stamp, digest)
            return found


def _stamp(path: str, file: BinaryIO) -> Stamp:
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        raise CommandFailedError(f"{path} is not a file. The FASTA must be a file on disk.", USAGE)
    return Stamp(str(Path(path).resolve()), status.st_size, status.st_mtime_ns)


def _find(cache: Path, stamp: Stamp) -> Stored | None:
    """What the cache has of a file that is unchanged since it was stored."""
    entry = _index(cache).get(stamp.path, {})
    if (
        not isinstance(entry, dict)
        or entry.get("size") != stamp.size
        or entry.get("mtime_ns") != stamp.mtime_ns
    ):
        return None
    return _open(cache / str(entry.get("sha256")))


def _index(cache: Path) -> dict[str, Any]:
    index = _json(cache / INDEX)
    return index if isinstance(index, dict) else {}


def _remember(cache: Path, stamp: Stamp, digest: str) -> None:
    entry = {"size": stamp.size, "mtime_ns": stamp.mtime_ns, "sha256": digest}
    index = _index(cache) | {stamp.path: entry}
    draft = cache / f".{INDEX}.{os.getpid()}"
    draft.write_text(json.dumps(index, indent=1))
    draft.replace(cache / INDEX)


def _open(folder: Path) -> Stored | None:
    """A finished folder; None unless each of its files is there and as long as it was."""
    described = _json(folder / CONTIGS)
    if not isinstance(described, dict) or described.get("format") != FORMAT:
        return None
    contigs = [FlatContig(**contig) for contig in described["contigs"]]
    sizes = {entry.name: entry.stat().st_size for entry in os.scandir(folder)}
    complete = all(sizes.get(contig.content) == contig.length for contig in contigs)
    return Stored(folder, contigs) if complete else None


def _json(path: Path) -> Any:
    """What the file holds; None where it is missing or no JSON."""
    try:
        return json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None


def _digest(file: BinaryIO, stamp: Stamp) -> str:
    digest = hashlib.sha256()
    with progress("B", stamp.size, desc="reading") as bar:
        while block := file.read(READ_BYTES):
            digest.update(block)
            bar.update(len(block))
    file.seek(0)
    return digest.hexdigest()


def _build(file: BinaryIO, stamp: Stamp, folder: Path) -> Stored:
    """Flatten the FASTA into a folder beside, which then takes the place of `folder`."""
    building = Path(tempfile.mkdtemp(prefix=BUILDING, dir=folder.parent))
    try:
        with progress("B", stamp.size, desc="storing") as bar:
            contigs = list(flatten(file, building, lambda _: bar.update(file.tell() - bar.n)))
        described = {"format": FORMAT, "contigs": [asdict(contig) for contig in contigs]}
        with (building / CONTIGS).open("w") as description:
            json.dump(described, description)
            description.flush()
            os.fsync(description.fileno())
        building.chmod(0o755)
        if _open(folder) is None:  # without locks, another command may have been faster
            shutil.rmtree(folder, ignore_errors=True)
            building.rename(folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return Stored(folder, contigs)


def _drop_interrupted(cache: Path) -> None:
    """Remove what a killed command left; only the holder of the lock knows that nobody works on it."""
    for left in cache.glob(f"{BUILDING}*"):
        shutil.rmtree(left, ignore_errors=True)
