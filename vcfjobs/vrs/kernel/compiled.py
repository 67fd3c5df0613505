"""What is compiled: plain functions over arrays of numbers, marked here, made into machine code by `build`.

Compiled code holds no references to Python's objects, runs without the interpreter's lock, and allocates
nothing: whoever calls it brings the arrays.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

# Arrays of one dimension, and of two, whose rows lie one behind the other. An entry's annotations tell
# numba its types, so these names are not only for the reader.
Bytes = NDArray[np.uint8]
Integers = NDArray[np.int64]
Words = NDArray[np.uint64]
ByteTable = NDArray[np.uint8]
IntegerTable = NDArray[np.int64]
WordTable = NDArray[np.uint64]

F = TypeVar("F", bound=Callable[..., Any])
P = ParamSpec("P")
R = TypeVar("R")

FUNCTIONS: list[Callable[..., Any]] = []
"""Everything that is compiled, callees before their callers."""


def compiled(function: F) -> F:
    """Mark a function that only compiled code calls."""
    FUNCTIONS.append(function)
    return function


def entry(function: Callable[P, R]) -> Entry[P, R]:
    """Mark a function that Python calls, once `library.load` has bound it."""
    return Entry(compiled(function))


class Entry(Generic[P, R]):
    """Calls a compiled function as numba's code expects it.

    An array is passed as two references that nobody counts, its number of elements and their size, its
    address, shape and strides. What the function returns is written behind the first pointer; the second
    is for exceptions, which these functions do not raise.
    """

    def __init__(self, function: Callable[P, R]) -> None:
        self.function = function
        self.name = f"vrs_{function.__name__}"
        self._address = 0
        self._native: Callable[..., int] | None = None

    def bind(self, address: int) -> None:
        """Call the machine code at this address from now on."""
        self._address = address
        self._native = None

    def __call__(self, *arguments: P.args, **_: P.kwargs) -> R:
        """Call the compiled function."""
        result, exception = ctypes.c_int64(), ctypes.c_void_p()
        flat: list[Any] = [ctypes.addressof(result), ctypes.addressof(exception)]
        for argument in arguments:
            if isinstance(argument, np.ndarray):
                flat += 0, 0, argument.size, argument.itemsize, argument.ctypes.data
                flat += argument.shape
                flat += argument.strides
            else:
                flat.append(argument)
        if self._native is None:
            self._native = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_int64] * len(flat))(self._address)
        if self._native(*flat):
            raise RuntimeError(f"{self.name} failed")
        return result.value  # type: ignore[return-value]


# Compiled code has other bodies for the following: see `intrinsics`.


def byte(text: Bytes, at: int) -> int:
    """text[at] for an offset inside the text; numba would also handle negative offsets."""
    return int(text[at])


def copy(out: Bytes, at: int, text: Bytes, begin: int, size: int) -> None:
    """Copy text[begin:begin + size] to out[at:] in one instruction or call."""
    out[at : at + size] = text[begin : begin + size]
