"""Runs that annotate VCF files with GA4GH VRS allele identifiers, and the alleles they register."""
