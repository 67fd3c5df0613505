"""An annotated VCF as a table of alleles, written as TSV, NDJSON or Parquet."""
