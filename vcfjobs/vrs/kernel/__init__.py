"""The engine's hot path as compiled code, beside the pure engine that defines what it must give.

`load` prepares it once in a process, a worker at its start or a command at its first use; until then, and
with ANYVAR_KERNEL=off or without numba, the pure engine does all the work. So nothing is ever compiled inside
a request.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vcfjobs.vrs.kernel.annotator import KernelAnnotator
    from vcfjobs.vrs.vcf.records import RecordAnnotator

log = logging.getLogger(__name__)

SWITCH = "ANYVAR_KERNEL"
_loaded = False


def wanted() -> bool:
    """Whether this installation uses compiled code: numba is there, and ANYVAR_KERNEL is not "off"."""
    return os.environ.get(SWITCH, "on") != "off" and importlib.util.find_spec("numba") is not None


def load(cache: Path | None = None, announce: Callable[[str], object] = log.info) -> bool:
    """Compile, or read from the `cache` folder what was compiled before; whether the kernel is ready.

    Takes up to a minute the first time on a machine, which `announce` is told, and about a second from then
    on. Processes that start together compile once. `cache` is NUMBA_CACHE_DIR, or a folder of the user's,
    where none is given. Where no folder can be written, the pure engine stays.
    """
    global _loaded
    if _loaded or not wanted():
        return _loaded
    if cache is not None:
        os.environ["NUMBA_CACHE_DIR"] = str(cache)
    began = time.perf_counter()
    try:
        from vcfjobs.vrs.kernel import warm_up

        compiled = warm_up.run(announce)
    except (OSError, RuntimeError) as error:
        log.warning("no annotation kernel, the pure engine is used: %s", error)
        return False
    _loaded = True
    seconds = time.perf_counter() - began
    if compiled:
        log.info("annotation kernel compiled in %.1f s", seconds)
    return True


def accelerated(pure: RecordAnnotator) -> RecordAnnotator | KernelAnnotator:
    """The annotator to use for a file: compiled where `load` has prepared it, else the pure one."""
    if not _loaded:
        return pure
    from vcfjobs.vrs.kernel.annotator import KernelAnnotator

    return KernelAnnotator(pure)
