"""The Django application."""

from __future__ import annotations

from django.apps import AppConfig


class VcfJobsConfig(AppConfig):
    """Registers the system checks."""

    name = "vcfjobs"
    verbose_name = "VCF annotation"

    def ready(self) -> None:
        from vcfjobs import checks  # noqa: F401  (registers)
