"""Workers: name, host, and when they last reported. For operators; no run depends on it."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

SILENT_SECONDS = 60


class Worker(models.Model):
    """A worker's main process, by its Celery node name. It reports in with each sweep."""

    node = models.CharField(max_length=255, primary_key=True, help_text="Its name, as runs have it.")
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField(verbose_name="process id")
    version = models.CharField(max_length=64, help_text="Of the service.")
    concurrency = models.PositiveIntegerField(help_text="How many pieces of work it does at once.")
    started = models.DateTimeField()
    seen = models.DateTimeField(help_text="Its last sign of life, on the database's clock.")

    class Meta:
        ordering = ("node",)

    def __str__(self) -> str:
        return self.node

    def report_in(self) -> None:
        """Note that the worker is alive, on the database's clock; one statement."""
        self.seen = Now()
        Worker.objects.bulk_create(
            [self],
            update_conflicts=True,
            unique_fields=["node"],
            update_fields=["host", "pid", "version", "concurrency", "started", "seen"],
        )

    def sign_out(self) -> None:
        """Delete the row of a worker that shuts down, but not that of another process with its name."""
        Worker.objects.filter(node=self.node, pid=self.pid, host=self.host).delete()

    @property
    def is_silent(self) -> bool:
        """Whether it has missed several sweeps: it was killed, or cannot reach the database."""
        return self.seen < timezone.now() - timedelta(seconds=SILENT_SECONDS)
