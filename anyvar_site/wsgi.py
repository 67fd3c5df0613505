"""The WSGI application. gunicorn runs no system checks, so they run here."""

from __future__ import annotations

import logging
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "anyvar_site.settings")
# A request whose table is locked in PostgreSQL is answered by a 503 after so long. A worker waits.
os.environ.setdefault("PGOPTIONS", "-c lock_timeout=10s")

logging.captureWarnings(True)
application = get_wsgi_application()

from vcfjobs.startup_checks import check_setup  # noqa: E402  (once Django is set up)

check_setup()
