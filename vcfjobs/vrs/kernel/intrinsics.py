"""What some functions of the kernel are in compiled code: LLVM's instructions. Imported to compile only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from vcfjobs.vrs.kernel import compiled, sha512
from vcfjobs.vrs.kernel.sha512 import BLOCK_WORDS, LANES, ROUNDS, STATE_WORDS

VECTOR = ir.VectorType(ir.IntType(64), LANES)


def _pointer(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> Any:
    """The address of element `at`, counted from the array's first; not checked."""
    return builder.gep(context.make_array(kind)(context, builder, array).data, [at])


def _byte(_: Any, text: Any, at: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(_pointer(context, builder, signature.args[0], *arguments))

    return types.uint8(text, types.intp), generate


def _copy(_: Any, out: Any, at: Any, text: Any, begin: Any, size: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        to, at, source, begin, size = arguments
        target = _pointer(context, builder, signature.args[0], to, at)
        origin = _pointer(context, builder, signature.args[2], source, begin)
        cgutils.raw_memcpy(builder, target, origin, size, 1)  # type: ignore[no-untyped-call]
        return context.get_dummy_value()

    return types.none(out, types.intp, text, types.intp, types.intp), generate


class Vector:
    """A row of lanes in one register; its operators append to the code that is being written."""

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder = builder
        self.value = value

    def _combined(self, instruction: str, other: Vector | int) -> Vector:
        value = ir.Constant(VECTOR, [other] * LANES) if isinstance(other, int) else other.value
        return Vector(self.builder, getattr(self.builder, instruction)(self.value, value))

    def __add__(self, other: Vector | int) -> Vector:
        return self._combined("add", other)

    def __and__(self, other: Vector) -> Vector:
        return self._combined("and_", other)

    def __or__(self, other: Vector) -> Vector:
        return self._combined("or_", other)

    def __xor__(self, other: Vector) -> Vector:
        return self._combined("xor", other)

    def __lshift__(self, bits: int) -> Vector:
        return self._combined("shl", bits)

    def __rshift__(self, bits: int) -> Vector:
        return self._combined("lshr", bits)


class _Rows:
    """The rows of a table of words, from row `first` on."""

    def __init__(self, context: Any, builder: Any, kind: Any, table: Any, first: Any = None) -> None:
        at = builder.mul(first or context.get_constant(types.intp, 0), ir.Constant(ir.IntType(64), LANES))
        self._builder = builder
        self._rows = builder.bitcast(_pointer(context, builder, kind, table, at), VECTOR.as_pointer())

    def _row(self, number: int) -> Any:
        return self._builder.gep(self._rows, [ir.Constant(ir.IntType(64), number)])

    def load(self, count: int) -> list[Vector]:
        return [
            Vector(self._builder, self._builder.load(self._row(number), align=8)) for number in range(count)
        ]

    def store(self, rows: Any) -> None:
        for number, row in enumerate(rows):
            self._builder.store(row.value, self._row(number), align=8)


def _add_block(_: Any, state: Any, words: Any, first: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        after = _Rows(context, builder, signature.args[0], arguments[0])
        block = _Rows(context, builder, signature.args[1], *arguments[1:]).load(BLOCK_WORDS)
        after.store(sha512.hashed(after.load(STATE_WORDS), sha512.scheduled(block)))
        return context.get_dummy_value()

    return types.none(state, words, types.intp), generate


def _schedule(_: Any, words: Any, first: Any, added: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        block = _Rows(context, builder, signature.args[0], *arguments[:2]).load(BLOCK_WORDS)
        _Rows(context, builder, signature.args[2], arguments[2]).store(sha512.scheduled(block))
        return context.get_dummy_value()

    return types.none(words, types.intp, added), generate


def _add_scheduled(_: Any, state: Any, added: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        after = _Rows(context, builder, signature.args[0], arguments[0])
        added = _Rows(context, builder, signature.args[1], arguments[1]).load(ROUNDS)
        after.store(sha512.hashed(after.load(STATE_WORDS), added))
        return context.get_dummy_value()

    return types.none(state, added), generate


INTRINSICS: dict[Callable[..., Any], Any] = {
    compiled.byte: intrinsic(_byte),
    compiled.copy: intrinsic(_copy),
    sha512.add_block: intrinsic(_add_block),
    sha512.schedule: intrinsic(_schedule),
    sha512.add_scheduled: intrinsic(_add_scheduled),
}
