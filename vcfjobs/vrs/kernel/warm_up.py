"""Call every compiled function once with the types of real work, so that none is compiled later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vcfjobs.cache_folder import locked
from vcfjobs.vrs.kernel import lines, messages, place, write
from vcfjobs.vrs.kernel.annotator import KernelAnnotator
from vcfjobs.vrs.kernel.compiled import CACHE, MARK
from vcfjobs.vrs.sequences.flat_files import FlatSequence, Reference
from vcfjobs.vrs.vcf.options import Options
from vcfjobs.vrs.vcf.records import RecordAnnotator

_SEQUENCE = b"ACGTTGCAAGGCTTAAAAAAAAACCAGCAGCAGCTTGACNNRTAGC"
_RECORDS = b"1\t1\t.\tA\tC\t.\t.\t.\n1\t14\t.\tT\tTAA,G\t.\t.\tDP=1\n2\t1\t.\tA\t<DEL>\t.\t.\t.\n"
ENTRIES: tuple[Any, ...] = (
    lines.split,
    place.place,
    place.count,
    messages.digest_locations,
    messages.digest_alleles,
    write.write,
)


def run(announce: Callable[[str], object]) -> bool:
    """Annotate a few records; whether anything had to be compiled, rather than read from the cache.

    Of processes that start on an empty cache, one compiles; the others wait and read what it compiled.
    `announce` is told before either. Raises OSError and RuntimeError where nothing can be kept.
    """
    if MARK.exists():
        return _annotate()
    announce(f"preparing the annotation kernel in {CACHE}: up to a minute, once on a machine")
    with locked(CACHE):
        compiled = _annotate()
        MARK.touch()
    return compiled


def _annotate() -> bool:
    reference = Reference("warm-up", {"1": FlatSequence.from_bytes(_SEQUENCE)})
    pure = RecordAnnotator(reference, Options(add_vrs_attributes=True, collect_alleles=True))
    KernelAnnotator(pure).annotate(_RECORDS, 1)
    return any(entry.stats.cache_misses for entry in ENTRIES)
