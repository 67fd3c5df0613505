"""Uploads are written to the spool: never kept in memory, hashed and counted as they arrive."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler

from vcfjobs import storage
from vcfjobs.errors import StorageFullError
from vcfjobs.runs.admission import refuse_too_large

UNNAMED = "upload.vcf"


class SpooledUpload(UploadedFile[Any]):
    """An upload in the spool. Closing removes the file, unless a run has adopted it by then."""

    def __init__(self, name: str | None) -> None:
        storage.prepare()
        with storage.full_disk_as_error():
            descriptor, path = tempfile.mkstemp(dir=storage.spool())
        super().__init__(file=os.fdopen(descriptor, "w+b", buffering=0), name=plain_name(name), size=0)
        self.path = Path(path)
        self._sha256 = hashlib.sha256()

    def take(self, data: bytes) -> None:
        """Append bytes. Raises UploadTooLargeError, StorageFullError."""
        self.size = (self.size or 0) + len(data)
        refuse_too_large(self.size)
        # Each upload was admitted by the free space before any of the others that now arrive.
        if storage.free_bytes() < settings.ANYVAR_MIN_FREE_BYTES:
            raise StorageFullError
        self._sha256.update(data)
        with storage.full_disk_as_error():
            rest = memoryview(data)
            while rest:
                rest = rest[self.file.write(rest) :]  # type: ignore[union-attr]

    @property
    def sha256(self) -> str:
        """The digest of the bytes so far, in hexadecimal."""
        return self._sha256.hexdigest()

    def temporary_file_path(self) -> str:
        """The path, under the name that Django's own spooled uploads use."""
        return str(self.path)

    def close(self) -> None:
        """Close the file and remove it from the spool."""
        super().close()
        self.path.unlink(missing_ok=True)


def plain_name(name: str | None) -> str:
    """The client's file name without folders and unprintable characters; UNNAMED when nothing is left."""
    last = re.split(r"[/\\]", name or "")[-1]
    printable = "".join(character for character in last if character.isprintable()).strip()
    return UNNAMED if printable in ("", ".", "..") else printable[:255]


class SpoolUploadHandler(FileUploadHandler):
    """Django's multipart parser writes every file straight into the spool, whatever its size."""

    chunk_size = 1 << 20

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._spooled: list[SpooledUpload] = []

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._spooled.append(SpooledUpload(self.file_name))

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        try:
            self._spooled[-1].take(raw_data)
        except BaseException:
            self.upload_interrupted()  # Django does not call it when a handler itself raises
            raise

    def file_complete(self, file_size: int) -> SpooledUpload:
        return self._spooled[-1]

    def upload_interrupted(self) -> None:
        """Remove every file of the request, also those already complete."""
        for upload in self._spooled:
            upload.close()
