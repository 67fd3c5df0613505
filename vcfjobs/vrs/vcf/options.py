"""What is asked of the annotator."""

from __future__ import annotations

from dataclasses import dataclass

from vcfjobs.vrs import versions
from vcfjobs.vrs.versions import VrsVersion


@dataclass(frozen=True, slots=True)
class Options:
    """What to write into INFO, under which VRS version, and whether the alleles are collected."""

    for_ref: bool = True
    add_vrs_attributes: bool = False
    collect_alleles: bool = False
    vrs_version: VrsVersion = versions.DEFAULT

    def __post_init__(self) -> None:
        """Raises ValueError for a version of VRS that the engine does not compute."""
        if self.vrs_version not in versions.RELEASES:
            raise ValueError(f"VRS {self.vrs_version} is not one of {', '.join(versions.RELEASES)}")
