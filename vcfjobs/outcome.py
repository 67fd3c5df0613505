"""What the row says of a run that went well, and a file that is digested while it is written."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import IO


@dataclass(frozen=True, slots=True)
class Result:
    """The columns of a succeeded run; sizes in bytes."""

    result_bytes: int
    result_text_bytes: int
    result_sha256: str
    indexed: bool
    records_done: int
    report: dict[str, object]


class DigestingFile:
    """A file being written whose SHA-256 and size are kept on the way."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        """Write all of `data`."""
        self._sha256.update(data)
        self.size += len(data)
        return self._file.write(data)

    @property
    def sha256(self) -> str:
        """The digest of what was written, in hexadecimal."""
        return self._sha256.hexdigest()
