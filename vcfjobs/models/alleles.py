"""The tables of the registry: alleles, and which run contained which."""

from __future__ import annotations

from typing import Any

from django.db import models

from vcfjobs.models.fields import DigestField
from vcfjobs.models.references import Sequence
from vcfjobs.models.runs import Run
from vcfjobs.vrs.digests import vrs_allele


class Allele(models.Model):
    """A registered allele: the columns from which its identifier, location and VRS object are computed.

    [start, end) is inter-residue. The state is `literal`, or else a reference-length expression of
    `length` and `repeat_subunit_length`. `span` is the class of end - start: LONGEST_OF_SPAN bounds the
    length in each class, so an overlap search is one range of starts per class in a btree. The few long
    deletions have classes of their own.
    """

    LONGEST_OF_SPAN = (1, 16, 256, 4096, 65_536, 1 << 20, 1 << 24, 1 << 31)

    digest = DigestField(primary_key=True)
    # Without a constraint in the database: its check costs as much per row as the rest of a load, and
    # sequences are never deleted.
    sequence = models.ForeignKey(
        Sequence, on_delete=models.PROTECT, db_index=False, db_constraint=False, related_name="alleles"
    )
    start = models.IntegerField()
    end = models.IntegerField()
    span = models.SmallIntegerField()
    length = models.IntegerField(null=True)
    repeat_subunit_length = models.IntegerField(null=True)
    literal = models.TextField(null=True)  # noqa: DJ001  (the empty sequence is a literal of its own)

    class Meta:
        indexes = (models.Index(fields=("sequence", "span", "start"), name="allele_location"),)

    def __str__(self) -> str:
        return f"ga4gh:VA.{self.digest}"

    def to_vrs(self) -> dict[str, Any]:
        """The complete VRS object, with the identifier computed from the columns."""
        return vrs_allele(
            self.sequence.accession,
            self.start,
            self.end,
            literal=self.literal,
            length=self.length,
            repeat_subunit_length=self.repeat_subunit_length,
        )


class RunAlleles(models.Model):
    """Alleles of a run: the sorted digests of one batch, 24 bytes each, concatenated.

    Batches are numbered in the order of the file; each shard has a range of numbers.
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="batches", db_index=False)
    ordinal = models.BigIntegerField()
    digests = models.BinaryField()

    class Meta:
        verbose_name_plural = "run alleles"
        constraints = (models.UniqueConstraint(fields=("run", "ordinal"), name="batch_once_a_run"),)

    def __str__(self) -> str:
        return f"{self.run_id}: batch {self.ordinal}"
