"""Compile the kernel: from the marked functions to object code for this processor, by numba and LLVM.

Only this module and `intrinsics` import numba, so a process that finds the code does without it.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

import numba
from llvmlite import binding
from numba import types

from vcfjobs.vrs.kernel.compiled import FUNCTIONS
from vcfjobs.vrs.kernel.intrinsics import INTRINSICS
from vcfjobs.vrs.kernel.library import ENTRIES, target_machine

# By the names of annotations.
TYPES = {
    "Bytes": types.uint8[::1],
    "ByteTable": types.uint8[:, ::1],
    "Integers": types.int64[::1],
    "IntegerTable": types.int64[:, ::1],
    "Words": types.uint64[::1],
    "WordTable": types.uint64[:, ::1],
    "int": types.int64,
    "bool": types.int64,
}


# Without counted references, and without the ways in that numba makes for Python and for C.
OPTIONS: dict[str, Any] = {
    "error_model": "numpy",
    "_nrt": False,
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}


def object_code() -> bytes:
    """All entries, each under its own name, and what they call."""
    functions = _decorated()
    module = binding.parse_assembly("")
    for entry in ENTRIES:
        function = functions[entry.function]
        kinds = [kind for name, kind in entry.function.__annotations__.items() if name != "return"]
        signature = tuple(TYPES[kind] for kind in kinds)
        function.compile(signature)
        part = binding.parse_assembly(function.inspect_llvm(signature))
        part.get_function(function.overloads[signature].fndesc.llvm_func_name).name = entry.name
        module.link_in(part)
    code: bytes = target_machine().emit_object(module)
    return code


def _decorated() -> dict[Callable[..., Any], Any]:
    """A function of numba for each marked one, which finds the others by the names that it calls."""
    functions = dict(INTRINSICS)
    for function in FUNCTIONS:
        scope = {
            name: functions.get(value, value) if isinstance(value, FunctionType) else value
            for name, value in function.__globals__.items()
        }
        clone = FunctionType(function.__code__, scope, function.__name__)
        functions[function] = numba.njit(**OPTIONS)(clone)
    return functions
