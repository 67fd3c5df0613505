"""The wiring: settings, the Celery application, brokers, logs, URLs, WSGI."""

from __future__ import annotations

from anyvar_site.celery import app as celery_app

__all__ = ["celery_app"]
