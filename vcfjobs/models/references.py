"""The references that files are annotated against, and the sequences of alleles."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class Sequence(models.Model):
    """A reference sequence by its refget accession. Alleles refer to it, not to an assembly."""

    accession = models.CharField(max_length=35, unique=True, help_text="SQ. and the sha512t24u digest.")
    length = models.BigIntegerField()

    def __str__(self) -> str:
        return self.accession


class Assembly(models.Model):
    """A registered reference genome: a named set of contigs."""

    name = models.CharField(max_length=100, unique=True)
    source = models.CharField(max_length=255, blank=True, default="", help_text="Name of the FASTA file.")
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name_plural = "assemblies"
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class Contig(models.Model):
    """One contig of an assembly: a name, a sequence, and the file with its bytes.

    `content` is the accession of the file's own bytes, and the name of the flat file. It differs from the
    sequence's accession if the operator gave a masked copy the canonical one. The two never share a file,
    so a masked copy never replaces the real sequence.
    """

    assembly = models.ForeignKey(Assembly, on_delete=models.CASCADE, related_name="contigs")
    ordinal = models.PositiveIntegerField()
    name = models.CharField(max_length=255)
    aliases = models.JSONField(default=list)
    sequence = models.ForeignKey(Sequence, on_delete=models.PROTECT, related_name="contigs")
    content = models.CharField(max_length=35)

    class Meta:
        ordering = ("assembly", "ordinal")
        constraints = (models.UniqueConstraint(fields=("assembly", "name"), name="contig_once_an_assembly"),)

    def __str__(self) -> str:
        return self.name
