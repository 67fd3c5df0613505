"""The reference implementation's VCF annotator on the same file, its sequence in memory as well.

Runs in an environment of its own that has ga4gh.vrs with its extras; prints seconds.
"""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path

from ga4gh.core import sha512t24u
from ga4gh.vrs.dataproxy import _DataProxy
from ga4gh.vrs.extras.annotator.vcf import VcfAnnotator


class InMemory(_DataProxy):
    """One contig of one assembly."""

    def __init__(self, name: str, sequence: str) -> None:
        super().__init__()
        self._sequence = sequence
        self._aliases = [f"bench:{name}", f"ga4gh:SQ.{sha512t24u(sequence.encode())}"]

    def _get_sequence(self, identifier: str, start: int | None = None, end: int | None = None) -> str:
        return self._sequence[start:end]

    def _get_metadata(self, identifier: str) -> dict[str, object]:
        if identifier not in self._aliases and not identifier.startswith("SQ."):
            raise KeyError(identifier)
        return {"length": len(self._sequence), "aliases": self._aliases, "alphabet": "ACGT"}

    get_sequence = _get_sequence
    get_metadata = _get_metadata


class Annotator(VcfAnnotator):
    """Nothing but the annotated VCF is written."""

    def on_vrs_object(self, vcf_coords: str, vrs_object: object, **kwargs: object) -> object:
        """Hand it back unchanged, to be written."""
        return vrs_object

    def raise_for_output_args(self, output_vcf_path: Path | None, **kwargs: object) -> None:
        """There is an output."""


def main(fasta: str, source: str, target: str) -> None:
    """The sequence is in memory before the clock starts."""
    logging.disable(logging.CRITICAL)
    head, *lines = Path(fasta).read_text().split("\n")
    annotator = Annotator(InMemory(head[1:], "".join(lines)))
    began = time.perf_counter()
    annotator.annotate(Path(source), Path(target), vrs_attributes=True, assembly="bench")
    print(time.perf_counter() - began)


if __name__ == "__main__":
    main(*sys.argv[1:])
