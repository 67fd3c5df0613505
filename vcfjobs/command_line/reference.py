"""The reference that a FASTA is: its name, and the accessions of its contigs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from vcfjobs.command_line import fasta_cache
from vcfjobs.command_line.failures import USAGE, CommandFailedError
from vcfjobs.command_line.fasta_cache import Say
from vcfjobs.references.builds import build_of
from vcfjobs.references.contigs import LoadedContig, deviation
from vcfjobs.vrs.digests import ACCESSION
from vcfjobs.vrs.sequences.accessions import canonical as canonical_accession
from vcfjobs.vrs.sequences.flat_files import Reference
from vcfjobs.vrs.sequences.flatten import NamedContig, StoredContigs, other_names

SUFFIXES = (".gz", ".bgz", ".fa", ".fna", ".fasta")


def open_fasta(
    fasta: str,
    *,
    cache: Path,
    assembly: str | None,
    accessions: Mapping[str, str],
    canonical: bool,
    say: Say,
) -> Reference:
    """The contigs of a FASTA for the engine, by their names and aliases.

    `assembly` is only a name, by default that of the file. `accessions` gives contigs another accession than
    that of their bytes; `canonical` takes the canonical one wherever name and length are published for the
    build that the name means. Contigs whose bytes are not the canonical ones are told to `say`.
    Raises CommandFailedError.
    """
    name = assembly or name_of(fasta)
    build = build_of(name)
    if canonical and build is None:
        raise CommandFailedError(
            f"--canonical needs to know the build, and {name} names none. Add --assembly GRCh38 or GRCh37.",
            USAGE,
        )
    for accession in accessions.values():
        if not ACCESSION.fullmatch(accession):
            raise CommandFailedError(
                f"{accession!r} is not a refget accession (SQ. and 32 characters).", USAGE
            )
    stored = fasta_cache.stored(fasta, cache, say)
    names = [contig.name for contig in stored.contigs]
    if unknown := sorted(set(accessions) - set(names)):
        raise CommandFailedError(
            f"--accession names contigs that the FASTA does not have: {', '.join(unknown)}.", USAGE
        )
    aliases = other_names(names)
    contigs = []
    for contig in stored.contigs:
        known = canonical_accession(build or "", contig.name, contig.length)
        accession = accessions.get(contig.name) or (canonical and known) or contig.content
        loaded = LoadedContig(contig.name, contig.length, contig.content, accession, known)
        if loaded.deviates and accession == contig.content:
            say(deviation(loaded))
        contigs.append(
            NamedContig(contig.name, contig.length, contig.content, accession, tuple(aliases[contig.name]))
        )
    return Reference(name, StoredContigs(stored.folder, contigs))


def name_of(fasta: str) -> str:
    """The file's name without the suffixes of FASTA and compression."""
    name = Path(fasta).name
    while (suffix := Path(name).suffix).lower() in SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def accession_pairs(texts: list[str]) -> dict[str, str]:
    """The accession of each contig of `NAME=SQ.…`. Raises CommandFailedError."""
    return dict(map(_accession_pair, texts))


def _accession_pair(text: str) -> tuple[str, str]:
    name, separator, accession = text.rpartition("=")
    if not separator or not name:
        raise CommandFailedError(f"--accession takes NAME=SQ.…, not {text!r}.", USAGE)
    return name, accession
