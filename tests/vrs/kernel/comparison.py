"""Both engines on the same lines, under every option: bytes, alleles, report and errors must be the same."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from vcfjobs.errors import VcfJobsError
from vcfjobs.vrs.sequences.flat_files import Reference
from vcfjobs.vrs.vcf.options import Options
from vcfjobs.vrs.vcf.records import RecordAnnotator
from vcfjobs.vrs.versions import VrsVersion

if TYPE_CHECKING:
    from vcfjobs.vrs.kernel.annotator import KernelAnnotator

FIRST_LINE = 5
VERSIONS: tuple[VrsVersion, ...] = ("2.0", "2.1")
OPTIONS = [
    Options(for_ref, attributes, collect, version)
    for for_ref, attributes, collect in product(*[(True, False)] * 3)
    for version in VERSIONS
]


class BothEngines:
    """A pure and a compiled annotator of one reference for each combination of options."""

    def __init__(self, on: Reference) -> None:
        from vcfjobs.vrs.kernel.annotator import KernelAnnotator

        self._pairs = [
            (RecordAnnotator(on, options), KernelAnnotator(RecordAnnotator(on, options)))
            for options in OPTIONS
        ]

    def compare(self, lines: bytes, *combinations: int) -> None:
        """Annotate the lines under these combinations of options, or under all."""
        for number in combinations or range(len(OPTIONS)):
            pure, compiled = self._pairs[number]
            expected, found = outcome(pure, lines), outcome(compiled, lines)
            assert found == expected, OPTIONS[number]


def outcome(annotator: RecordAnnotator | KernelAnnotator, lines: bytes) -> object:
    """All that annotating gives; the order of a chunk's alleles is not part of it."""
    try:
        data, alleles, report = annotator.annotate(lines, FIRST_LINE)
    except VcfJobsError as error:
        return type(error), error.sentence
    return data.split(b"\n"), sorted(alleles, key=repr), report.to_json()
