"""The engine: VCF bytes in, annotated VCF bytes and VRS alleles out. Knows neither Django nor Celery."""
