"""A GA4GH digest as a column."""

from __future__ import annotations

from typing import Any

from django.db import models

from vcfjobs.vrs.digests import DIGEST_BYTES, digest_bytes, digest_text


class DigestField(models.BinaryField[Any, Any]):
    """A GA4GH digest: 24 bytes in the database, 32 characters in Python."""

    description = "GA4GH digest"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", DIGEST_BYTES)
        super().__init__(*args, **kwargs)

    def from_db_value(self, value: bytes | memoryview | None, *_: Any) -> str | None:
        return None if value is None else digest_text(bytes(value))

    def to_python(self, value: Any) -> str | None:
        if value is None or isinstance(value, str):
            return value
        return digest_text(bytes(value))

    def get_prep_value(self, value: Any) -> bytes | None:
        return digest_bytes(value) if isinstance(value, str) else value

    def value_to_string(self, obj: models.Model) -> str:
        return str(self.value_from_object(obj))
