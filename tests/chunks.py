"""Do something before each chunk of a file is annotated, whichever engine annotates it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vcfjobs.vrs import kernel
from vcfjobs.vrs.vcf.records import RecordAnnotator


def before_each(do: Callable[[bytes], None]) -> None:
    """Call `do` with the bytes of each chunk, in this process from now on."""
    annotators: list[Any] = [RecordAnnotator]
    if kernel.wanted():
        from vcfjobs.vrs.kernel.annotator import KernelAnnotator

        annotators.append(KernelAnnotator)
    for annotator in annotators:
        annotator.annotate = _after(do, annotator.annotate)


def _after(do: Callable[[bytes], None], annotate: Any) -> Any:
    def annotate_afterwards(self: Any, chunk: bytes, first_line: int) -> Any:
        do(chunk)
        return annotate(self, chunk, first_line)

    return annotate_afterwards
