"""The Celery application, configured by Django's settings."""

from __future__ import annotations

import os

from celery import Celery
from celery.signals import celeryd_init
from django.conf import settings

from anyvar_site import logs

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "anyvar_site.settings")
# A worker logs the checks that concern it. Celery would run all of them, for which every page is imported,
# and log none.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

app = Celery("anyvar_site")
app.add_defaults(lambda: settings.CELERY)
app.autodiscover_tasks()
celeryd_init.connect(logs.make_worker_log)
# By name: the step imports models, which are not loaded yet.
app.steps["worker"].add("vcfjobs.worker.bootstep:SweepStep")
