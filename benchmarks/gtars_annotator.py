"""gtars on the same file, its sequence in memory as well: prints seconds and the number of identifiers."""

from __future__ import annotations

import sys
import time

from gtars.refget import RefgetStore


def main(fasta: str, source: str) -> None:
    """The sequence is in memory before the clock starts; nothing is written."""
    store = RefgetStore.in_memory()
    store.set_quiet(True)
    collection, _ = store.add_sequence_collection_from_fasta(fasta)
    began = time.perf_counter()
    identifiers = store.compute_vrs_ids(collection.digest, source)
    print(time.perf_counter() - began, len(identifiers))


if __name__ == "__main__":
    main(*sys.argv[1:])
