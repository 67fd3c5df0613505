"""The compiler: plain Python functions over arrays of numbers become machine code (numba).

Compiled code is kept in a cache folder, so that only the first process of an installation waits for the
compiler. It runs without the interpreter's lock.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
import numpy as np
from llvmlite import binding
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from vcfjobs.cache_folder import user_cache

SOURCES = sorted(Path(__file__).parent.glob("*.py"))


def _cache_folder() -> Path:
    """A folder for each state of the sources: numba compares a function's own file alone."""
    digest = hashlib.sha256()
    for source in SOURCES:
        digest.update(source.read_bytes())
    folder = Path(os.environ.get("NUMBA_CACHE_DIR") or user_cache("vcfjobs-kernel"))
    return folder / digest.hexdigest()[:16]


def _mark() -> str:
    """A file's name for all that numba compares before it uses what was compiled: files and machine."""
    files = [(str(source), source.stat().st_mtime_ns) for source in SOURCES]
    machine = (binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten())
    everything = repr((files, machine, sys.version, numba.__version__, np.__version__))
    return f".compiled-{hashlib.sha256(everything.encode()).hexdigest()[:16]}"


CACHE = _cache_folder()
MARK = CACHE / _mark()
"""Is there once everything was compiled for this installation on machines like this one."""
numba.config.CACHE_DIR = str(CACHE)  # type: ignore[attr-defined]

F = TypeVar("F", bound=Callable[..., Any])

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint64]
Integers = NDArray[np.int64]


def compiled(function: F) -> F:
    """Compile at the first call with arguments of these types, without the interpreter in it."""
    decorate: Any = numba.njit(nogil=True, cache=True, error_model="numpy")
    dispatcher: F = decorate(function)
    return dispatcher


def _copy(_: Any, out: Any, at: Any, text: Any, begin: Any, size: Any) -> Any:
    """Copy text[begin:begin + size] to out[at:]: one instruction or call, and no bounds are looked at."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        to, at, source, begin, size = arguments
        to_type, _, source_type, _, _ = signature.args
        target = builder.gep(context.make_array(to_type)(context, builder, to).data, [at])
        origin = builder.gep(context.make_array(source_type)(context, builder, source).data, [begin])
        cgutils.raw_memcpy(builder, target, origin, size, 1)  # type: ignore[no-untyped-call]
        return context.get_dummy_value()

    return types.none(out, types.intp, text, types.intp, types.intp), generate


copy: Any = intrinsic(_copy)


def _byte(_: Any, text: Any, at: Any) -> Any:
    """text[at] for an offset that is inside the text: numba would ask whether it counts from the end."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        return builder.load(builder.gep(array.data, [arguments[1]]))

    return types.uint8(text, types.intp), generate


byte: Any = intrinsic(_byte)
