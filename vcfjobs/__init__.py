"""Runs that annotate VCF files with GA4GH VRS allele identifiers, and the alleles they register."""

__version__ = "0.2.0"
