"""The engine's hot path as compiled code; the pure engine defines its output.

`load` prepares it once per process: a worker at its start, a command at its first use. Until then, and with
ANYVAR_KERNEL=off or without numba, the pure engine does all the work, so a request never waits for the
compiler.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vcfjobs.vrs.kernel.annotator import KernelAnnotator
    from vcfjobs.vrs.vcf.records import RecordAnnotator

log = logging.getLogger(__name__)

SWITCH = "ANYVAR_KERNEL"
_loaded = False


def wanted() -> bool:
    """Whether this installation uses compiled code: numba is installed, and ANYVAR_KERNEL is not "off"."""
    return os.environ.get(SWITCH, "on") != "off" and importlib.util.find_spec("numba") is not None


def load(announce: Callable[[str], object] = log.info) -> bool:
    """Compile the kernel, or read it from its cache; whether it is ready.

    Takes up to a minute the first time on a machine, which `announce` is told, and a tenth of a second from
    then on. Processes that start together compile once. The cache is the folder NUMBA_CACHE_DIR, else one in
    the user's cache. If it cannot be written, the pure engine stays.
    """
    global _loaded
    if _loaded or not wanted():
        return _loaded
    began = time.perf_counter()
    try:
        from vcfjobs.vrs.kernel import library

        compiled = library.load(announce)
    except (OSError, RuntimeError) as error:
        log.warning("no annotation kernel, the pure engine is used: %s", error)
        return False
    _loaded = True
    seconds = time.perf_counter() - began
    if compiled:
        log.info("annotation kernel compiled in %.1f s", seconds)
    return True


def accelerated(pure: RecordAnnotator) -> RecordAnnotator | KernelAnnotator:
    """The annotator to use for a file: the compiled one if `load` has prepared it, else the pure one."""
    if not _loaded:
        return pure
    from vcfjobs.vrs.kernel.annotator import KernelAnnotator

    return KernelAnnotator(pure)
