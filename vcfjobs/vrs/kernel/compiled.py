"""The compiler: plain Python functions over arrays of numbers become machine code (numba).

Compiled code is kept in a cache folder, so that only the first process of an installation waits for the
compiler. It runs without the interpreter's lock.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
import numpy as np
from numpy.typing import NDArray


def _cache_folder() -> Path:
    """A folder for each state of the sources: numba compares a function's own file alone."""
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    user = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(os.environ.get("NUMBA_CACHE_DIR") or Path(user) / "vcfjobs-kernel")
    return folder / digest.hexdigest()[:16]


numba.config.CACHE_DIR = str(_cache_folder())  # type: ignore[attr-defined]

F = TypeVar("F", bound=Callable[..., Any])

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint64]
Integers = NDArray[np.int64]


def compiled(function: F) -> F:
    """Compile at the first call with arguments of these types, without the interpreter in it."""
    decorate: Any = numba.njit(nogil=True, cache=True, error_model="numpy")
    dispatcher: F = decorate(function)
    return dispatcher
