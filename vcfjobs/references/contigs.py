"""A contig's accessions: that of the file's bytes, the one in use, and the canonical one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LoadedContig:
    """One contig as loaded: the accession of its bytes, the one in use, the canonical one if known."""

    name: str
    length: int
    content: str
    accession: str
    canonical: str | None

    @property
    def deviates(self) -> bool:
        """Whether the file's bytes are not those of the canonical sequence of that name and length."""
        return self.canonical is not None and self.content != self.canonical


def deviation(contig: LoadedContig) -> str:
    """The choice for a contig whose bytes are not the canonical ones, as options of a command."""
    own = f"Contig {contig.name}: the file's own accession is {contig.content}, the canonical one is"
    if contig.accession == contig.canonical:
        return f"{own} {contig.canonical}, which is used as requested."
    if contig.accession == contig.content:
        return (
            f"{own} {contig.canonical}. The file's own is used, so identifiers on it differ from those of "
            f"other services. If it is a masked copy: --accession {contig.name}={contig.canonical} or "
            "--canonical."
        )
    return f"{own} {contig.canonical}; {contig.accession} is used as requested."
