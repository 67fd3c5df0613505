"""The compiler: plain Python functions over arrays of numbers become machine code (numba).

Compiled code is kept in a cache folder, so that only the first process of an installation waits for the
compiler. It runs without the interpreter's lock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np
from numpy.typing import NDArray

F = TypeVar("F", bound=Callable[..., Any])

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint64]
Integers = NDArray[np.int64]


def compiled(function: F) -> F:
    """Compile at the first call with arguments of these types, without the interpreter in it."""
    decorate: Any = numba.njit(nogil=True, cache=True, error_model="numpy")
    dispatcher: F = decorate(function)
    return dispatcher
