"""The Celery application, configured by Django's settings."""

from __future__ import annotations

import os

from celery import Celery
from celery.signals import celeryd_init
from django.conf import settings

from anyvar_site import logs

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "anyvar_site.settings")

app = Celery("anyvar_site")
app.add_defaults(lambda: settings.CELERY)
app.autodiscover_tasks()
celeryd_init.connect(logs.make_worker_log)
# By name: the step imports models, which are not loaded yet.
app.steps["worker"].add("vcfjobs.worker.bootstep:SweepStep")
