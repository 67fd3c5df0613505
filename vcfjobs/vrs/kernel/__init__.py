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


def load(cache: Path | None = None) -> bool:
    """Compile, or read from the `cache` folder what was compiled before; whether the kernel is ready.

    Takes about a minute the first time on a machine, and well under a second from then on. Without `cache`
    numba chooses the folder (NUMBA_CACHE_DIR, or beside the sources).
    """
    global _loaded
    if _loaded or not wanted():
        return _loaded
    began = time.perf_counter()
    if cache is not None:
        cache.mkdir(parents=True, exist_ok=True)
        os.environ.setdefault("NUMBA_CACHE_DIR", str(cache))
    from vcfjobs.vrs.kernel import warm_up

    compiled = warm_up.run()
    _loaded = True
    seconds = time.perf_counter() - began
    log.info("annotation kernel %s in %.1f s", "compiled" if compiled else "read from its cache", seconds)
    return True


def annotator(pure: RecordAnnotator) -> RecordAnnotator | KernelAnnotator:
    """The annotator to use for a file: compiled where `load` has prepared it, else the pure one."""
    if not _loaded:
        return pure
    from vcfjobs.vrs.kernel.annotator import KernelAnnotator

    return KernelAnnotator(pure)
