"""The kernel's machine code: kept in a cache folder, linked into the process by LLVM."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llvmlite
from llvmlite import binding

from vcfjobs.cache_folder import locked, user_cache
from vcfjobs.vrs.kernel import lines, messages, place, write
from vcfjobs.vrs.kernel.compiled import Entry

ENTRIES: tuple[Entry[..., None] | Entry[..., int], ...] = (
    lines.split,
    place.place,
    place.count,
    messages.digest_locations,
    messages.digest_alleles,
    write.write,
)
DIGEST_BYTES = 32
SOURCES = sorted(Path(__file__).parent.glob("*.py"))
_engines: list[Any] = []  # what was linked is there for as long as its engine


def load(announce: Callable[[str], object]) -> bool:
    """Bind all entries to machine code; whether that was compiled instead of read from the cache.

    Of processes that start on an empty cache, one compiles; the others wait and read what it compiled.
    `announce` is told before either. Raises OSError where nothing can be kept.
    """
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    path = code_path()
    code = stored(path)
    compiled = False
    if code is None:
        announce(f"preparing the annotation kernel in {path.parent}: up to a minute, once on a machine")
        with locked(path.parent):
            code = stored(path)
            if code is None:
                code, compiled = _compile(path), True
    _link(code)
    return compiled


def code_path() -> Path:
    """The file of the code, by the name of all that it depends on: sources, compiler and processor."""
    digest = hashlib.sha256()
    for source in SOURCES:
        digest.update(source.read_bytes())
    digest.update(repr((llvmlite.__version__, binding.get_process_triple(), _processor())).encode())
    folder = Path(os.environ.get("NUMBA_CACHE_DIR") or user_cache("vcfjobs-kernel"))
    return folder / f"{digest.hexdigest()[:16]}.o"


def stored(path: Path) -> bytes | None:
    """The code in the file; None where it is missing or damaged, on which LLVM would end the process."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    digest, code = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
    return code if hashlib.sha256(code).digest() == digest else None


def target_machine() -> Any:
    """What LLVM makes code for: this processor, in a process that is running."""
    cpu, features = _processor()
    target = binding.Target.from_default_triple()
    return target.create_target_machine(cpu=cpu, features=features, opt=3, jit=True)


def _processor() -> tuple[str, str]:
    """Its name, and the instructions that it has."""
    return binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten()


def _compile(path: Path) -> bytes:
    from vcfjobs.vrs.kernel import build

    code = build.object_code()
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_bytes(hashlib.sha256(code).digest() + code)
    draft.replace(path)
    return code


def _link(code: bytes) -> None:
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), target_machine())
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines.append(engine)
    for entry in ENTRIES:
        entry.bind(engine.get_function_address(entry.name))
