"""Uploads on their way to the spool: never in memory, hashed and counted as they arrive."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler

from vcfjobs import storage
from vcfjobs.errors import StorageFullError, UploadTooLargeError

CHUNK_BYTES = 1 << 20
UNNAMED = "upload.vcf"


class SpooledUpload(UploadedFile[Any]):
    """An upload in the spool. Closing removes the file, unless a run has taken it in by then."""

    def __init__(self, name: str | None) -> None:
        storage.prepare()
        with storage.full_disk_as_error():
            descriptor, path = tempfile.mkstemp(dir=storage.spool())
        super().__init__(file=os.fdopen(descriptor, "w+b", buffering=0), name=plain_name(name), size=0)
        self.path = Path(path)
        self._sha256 = hashlib.sha256()

    def take(self, data: bytes) -> None:
        """The next bytes. Raises UploadTooLargeError, StorageFullError."""
        self.size = (self.size or 0) + len(data)
        refuse_too_large(self.size)
        # Every upload was let in by the room that there was before any of those under way.
        if storage.free_bytes() < settings.ANYVAR_MIN_FREE_BYTES:
            raise StorageFullError
        self._sha256.update(data)
        with storage.full_disk_as_error():
            rest = memoryview(data)
            while rest:
                rest = rest[self.file.write(rest) :]  # type: ignore[union-attr]

    @property
    def sha256(self) -> str:
        """The digest of what has arrived, in hexadecimal."""
        return self._sha256.hexdigest()

    def temporary_file_path(self) -> str:
        """Where it lies, as Django's own spooled uploads say it."""
        return str(self.path)

    def close(self) -> None:
        """Close, and remove what nobody took."""
        super().close()
        self.path.unlink(missing_ok=True)


def plain_name(name: str | None) -> str:
    """The client's file name without folders and what does not print; UNNAMED where nothing is left."""
    last = re.split(r"[/\\]", name or "")[-1]
    printable = "".join(character for character in last if character.isprintable()).strip()
    return UNNAMED if printable in ("", ".", "..") else printable[:255]


class SpoolUploadHandler(FileUploadHandler):
    """Django's multipart parser writes every file straight into the spool, whatever its size."""

    chunk_size = CHUNK_BYTES

    file: SpooledUpload  # from the first file on; Django closes it when parsing breaks off

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """A file field begins."""
        super().new_file(*args, **kwargs)
        self.file = SpooledUpload(self.file_name)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """The next bytes of the file; nothing is handed on to another handler."""
        try:
            self.file.take(raw_data)
        except BaseException:
            self.file.close()  # Django leaves it when a handler itself breaks off
            raise

    def file_complete(self, file_size: int) -> SpooledUpload:
        """The whole file."""
        return self.file

    def upload_interrupted(self) -> None:
        """Nothing of a broken upload stays."""
        if hasattr(self, "file"):
            self.file.close()


def spool(stream: BinaryIO, name: str) -> SpooledUpload:
    """Spool a raw body; on an error nothing of it stays."""
    upload = SpooledUpload(name)
    try:
        while data := stream.read(CHUNK_BYTES):
            upload.take(data)
    except BaseException:
        upload.close()
        raise
    return upload


def refuse_too_large(size: int) -> None:
    """Raise UploadTooLargeError above ANYVAR_MAX_UPLOAD_BYTES."""
    if size > settings.ANYVAR_MAX_UPLOAD_BYTES:
        raise UploadTooLargeError(
            f"The upload is larger than the limit of {settings.ANYVAR_MAX_UPLOAD_BYTES:,} bytes."
        )
