"""The WSGI application. gunicorn runs no system checks by itself, so they run here."""

from __future__ import annotations

import os

from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "anyvar_site.settings")

application = get_wsgi_application()
call_command("check", verbosity=0)
