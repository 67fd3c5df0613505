"""What can be wrong with a record; the stream adds which record it is."""

from __future__ import annotations


class BadRecordError(Exception):
    """The bytes are no record; `reason` says why, as a predicate."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class LongLineError(Exception):
    """The record's text is longer than a line may be."""
