"""Memory that a process shares with the children it forks, so that no large value goes through a pipe."""

from __future__ import annotations

from mmap import mmap

SLOT_BYTES = 4 << 20

Sent = bytes | int
"""What goes through the pipe: the length of the value in the slot, or a larger value itself."""


class SharedSlots:
    """Slots of SLOT_BYTES, each for one value at a time; a slot takes real memory as it is filled."""

    def __init__(self, count: int) -> None:
        self._size = SLOT_BYTES
        self._memory = mmap(-1, count * self._size)

    def put(self, slot: int, value: bytes) -> Sent:
        """Leave the value in the slot for the other process, in place of what was there."""
        if len(value) > self._size:
            return value
        begin = slot * self._size
        self._memory[begin : begin + len(value)] = value
        return len(value)

    def take(self, slot: int, sent: Sent) -> bytes:
        """The value that the other process has put."""
        if isinstance(sent, bytes):
            return sent
        begin = slot * self._size
        return self._memory[begin : begin + sent]
