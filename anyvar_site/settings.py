"""All settings, from the environment; the defaults make a safe service for one machine without a server.

A missing or wrong value stops the start with a sentence. Names follow AnyVar where it has one.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import django_stubs_ext
from django.core.exceptions import ImproperlyConfigured

from anyvar_site import filesystem_broker, logs, redis_broker
from anyvar_site.environment import (
    celery_passthrough,
    literal,
    moment,
    number,
    refuse_unknown_authentication,
    secret_key,
    url,
)
from vcfjobs import __version__

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

env = literal(os.environ)
django_stubs_ext.monkeypatch()

# --- Django ------------------------------------------------------------------------------------

# The database, the broker and the key lie in it by default: the service's own, whatever the umask.
VAR_DIR.mkdir(mode=0o700, exist_ok=True)

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="") or secret_key(VAR_DIR / "secret_key")
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "django_celery_results",
    "vcfjobs",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "anyvar_site.middleware.PolicyMiddleware",
    "anyvar_site.middleware.RequestGuardMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "anyvar_site.urls"
WSGI_APPLICATION = "anyvar_site.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
FORMAT_MODULE_PATH = "anyvar_site.formats"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# Static files are served from the apps' own folders: no collectstatic step to forget.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

HTTPS = env.bool("ANYVAR_HTTPS", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"

# --- Database ----------------------------------------------------------------------------------

SQLITE_OPTIONS = {
    # IMMEDIATE: a transaction that reads before it writes takes its lock at once instead of failing.
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    # FULL: what was answered, or let an input be deleted, outlasts a power cut too.
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=20000;",
}
DATABASES: dict[str, dict[str, Any]] = {
    "default": env.db_url("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'db.sqlite3'}")
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = SQLITE_OPTIONS
elif DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
    DATABASES["default"] |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
    # A host that vanishes without a word is given up within half a minute, not a quarter of an hour.
    vanished = {
        "keepalives_idle": 15,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
    }
    DATABASES["default"]["OPTIONS"] = (
        {"connect_timeout": 5} | vanished | DATABASES["default"].get("OPTIONS", {})
    )
else:
    raise ImproperlyConfigured("DATABASE_URL must name SQLite (sqlite:///…) or PostgreSQL (postgres://…).")

# --- The service -------------------------------------------------------------------------------

ANYVAR_VCF_ASYNC_WORK_DIR = Path(
    env.str("ANYVAR_VCF_ASYNC_WORK_DIR", default=str(VAR_DIR / "work"))
).absolute()
ANYVAR_SEQUENCE_DIR = Path(env.str("ANYVAR_SEQUENCE_DIR", default=str(VAR_DIR / "sequences"))).absolute()
ANYVAR_MAX_UPLOAD_BYTES = number(env, "ANYVAR_MAX_UPLOAD_BYTES", 64 * 2**30)
ANYVAR_SYNC_MAX_BYTES = number(env, "ANYVAR_SYNC_MAX_BYTES", 32 * 2**20)
ANYVAR_SHARD_BYTES = number(env, "ANYVAR_SHARD_BYTES", 8 * 2**20)
# 0: no limit.
ANYVAR_OWNER_MAX_RUNS = number(env, "ANYVAR_OWNER_MAX_RUNS", 20_000, least=0)
ANYVAR_OWNER_MAX_BYTES = number(env, "ANYVAR_OWNER_MAX_BYTES", 0, least=0)
ANYVAR_MAX_QUEUED_RUNS = number(env, "ANYVAR_MAX_QUEUED_RUNS", 100_000, least=0)
ANYVAR_MIN_FREE_BYTES = number(env, "ANYVAR_MIN_FREE_BYTES", 256 * 2**20, least=0)
ANYVAR_LEASE_SECONDS = number(env, "ANYVAR_LEASE_SECONDS", 60)
ANYVAR_RUN_MAX_ATTEMPTS = number(env, "ANYVAR_RUN_MAX_ATTEMPTS", 3)
ANYVAR_DEFAULT_ASSEMBLY = env.str("ANYVAR_DEFAULT_ASSEMBLY", default="GRCh38")
ANYVAR_VCF_ASYNC_FAILURE_STATUS_CODE = number(env, "ANYVAR_VCF_ASYNC_FAILURE_STATUS_CODE", 500)
if not 400 <= ANYVAR_VCF_ASYNC_FAILURE_STATUS_CODE <= 599:
    raise ImproperlyConfigured(
        "ANYVAR_VCF_ASYNC_FAILURE_STATUS_CODE must be an HTTP error status, 400 to 599."
    )
refuse_unknown_authentication(os.environ, ours=["ANYVAR_AUTH_TOKEN_LIST"])
ANYVAR_AUTH_TOKEN_LIST: list[str] = [
    token.strip() for token in env.list("ANYVAR_AUTH_TOKEN_LIST", default=[]) if token.strip()
]
if env.str("ANYVAR_AUTH_TOKEN_LIST", default="") and not ANYVAR_AUTH_TOKEN_LIST:
    raise ImproperlyConfigured("ANYVAR_AUTH_TOKEN_LIST is set but holds no token: the service would be open.")

ANYVAR_REGISTER = env.bool("ANYVAR_REGISTER", default=True)
ANYVAR_PROVENANCE = env.bool("ANYVAR_PROVENANCE", default=True)
ANYVAR_SUBMIT_RATE = env.str("ANYVAR_SUBMIT_RATE", default="600/min")
ANYVAR_SERVICE_ID = env.str("ANYVAR_SERVICE_ID", default="org.example.vcfjobs")
ANYVAR_ORGANIZATION_NAME = env.str("ANYVAR_ORGANIZATION_NAME", default="Unnamed organization")
ANYVAR_ORGANIZATION_URL = url(env, "ANYVAR_ORGANIZATION_URL", "https://example.org/")
ANYVAR_CONTACT_URL = url(env, "ANYVAR_CONTACT_URL", also="mailto")
ANYVAR_DOCUMENTATION_URL = url(env, "ANYVAR_DOCUMENTATION_URL")  # empty: /docs/ of this server
ANYVAR_SERVICE_CREATED_AT = moment(env, "ANYVAR_SERVICE_CREATED_AT")
ANYVAR_SERVICE_UPDATED_AT = moment(env, "ANYVAR_SERVICE_UPDATED_AT")
ANYVAR_SERVICE_ENVIRONMENT = env.str("ANYVAR_SERVICE_ENVIRONMENT", default="test" if DEBUG else "prod")

# Uploads stream into the spool of the work directory, whatever their size, and are renamed from there.
FILE_UPLOAD_HANDLERS = ["vcfjobs.api.uploads.SpoolUploadHandler"]
FILE_UPLOAD_PERMISSIONS = 0o600

# --- Celery ------------------------------------------------------------------------------------

CELERY_HARD_LIMIT = number(env, "CELERY_TASK_TIME_LIMIT", 3900)
CELERY_SOFT_LIMIT = number(env, "CELERY_SOFT_TIME_LIMIT", 3600)
CELERY_VISIBILITY_TIMEOUT = number(
    env, "CELERY_BROKER_TRANSPORT_OPTIONS_VISIBILITY_TIMEOUT", CELERY_HARD_LIMIT + 300
)
CELERY_RESULT_EXPIRES = number(env, "CELERY_RESULT_EXPIRES", 7200)
CELERY_QUEUE = env.str("CELERY_TASK_DEFAULT_QUEUE", default="anyvar_q")
# Not passed on to Celery, where it loops a task that kills its worker for ever.
REQUEUE_WHEN_CHILD_LOST = env.bool("CELERY_TASK_REJECT_ON_WORKER_LOST", default=False)
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="")

CELERY: dict[str, Any] = {
    "result_backend": env.str("CELERY_BACKEND_URL", default="django-db"),
    "result_expires": CELERY_RESULT_EXPIRES,
    "result_extended": True,
    "task_default_queue": CELERY_QUEUE,
    "event_queue_prefix": env.str("CELERY_EVENT_QUEUE_PREFIX", default="anyvar_ev"),
    "timezone": env.str("CELERY_TIMEZONE", default="UTC"),
    "task_acks_late": env.bool("CELERY_TASK_ACKS_LATE", default=True),
    "task_reject_on_worker_lost": False,
    "worker_prefetch_multiplier": number(env, "CELERY_WORKER_PREFETCH_MULTIPLIER", 1, least=0),
    "task_time_limit": CELERY_HARD_LIMIT,
    "worker_send_task_events": env.bool("CELERY_WORKER_SEND_TASK_EVENTS", default=False),
    "worker_hijack_root_logger": False,
    "broker_connection_retry_on_startup": True,
    # A publish must end within seconds though the broker hangs: the row is there, the sweep delivers it.
    "broker_connection_timeout": 2,
    "broker_pool_acquire_timeout": 3,
    "redis_socket_timeout": 5,
    "redis_socket_connect_timeout": 2,
    "task_publish_retry": False,
}
if CELERY_BROKER_URL.startswith(tuple(redis_broker.SCHEMES)):
    CELERY |= redis_broker.broker_settings(CELERY_BROKER_URL, CELERY_VISIBILITY_TIMEOUT)
elif CELERY_BROKER_URL:
    CELERY["broker_url"] = CELERY_BROKER_URL
else:
    CELERY |= filesystem_broker.broker_settings(
        Path(env.str("ANYVAR_BROKER_DIR", default=str(VAR_DIR / "broker"))).absolute()
    )
CELERY |= celery_passthrough(
    os.environ,
    ours={
        "CELERY_BROKER_URL",
        "CELERY_BACKEND_URL",
        "CELERY_TASK_DEFAULT_QUEUE",
        "CELERY_EVENT_QUEUE_PREFIX",
        "CELERY_TIMEZONE",
        "CELERY_RESULT_EXPIRES",
        "CELERY_TASK_ACKS_LATE",
        "CELERY_TASK_REJECT_ON_WORKER_LOST",
        "CELERY_WORKER_PREFETCH_MULTIPLIER",
        "CELERY_TASK_TIME_LIMIT",
        "CELERY_SOFT_TIME_LIMIT",
        "CELERY_BROKER_TRANSPORT_OPTIONS_VISIBILITY_TIMEOUT",
        "CELERY_WORKER_SEND_TASK_EVENTS",
    },
)

# --- REST --------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "vcfjobs.api.authentication.TokenListAuthentication",
        "vcfjobs.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["vcfjobs.api.authentication.OpenOrAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "vcfjobs.api.negotiation.AlwaysJson",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    # OPTIONS describes forms that are not; the OpenAPI document describes the calls.
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "vcfjobs.api.problems.exception_handler",
    "URL_FORMAT_OVERRIDE": None,
    # How many proxies before us add to X-Forwarded-For; without any the header is anybody's claim.
    "NUM_PROXIES": number(env, "ANYVAR_NUM_PROXIES", 0, least=0),
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "VCF annotation with GA4GH VRS allele identifiers",
    "DESCRIPTION": "AnyVar's VCF protocol, with runs that last, progress, cancel, retry and Range requests.",
    "VERSION": __version__,
    "TAGS": [
        {"name": "VCF", "description": "AnyVar's protocol: submit, poll, fetch."},
        {
            "name": "Runs",
            "description": "The same runs as a resource: list, progress, cancel, retry, delete.",
        },
        {"name": "Registry", "description": "The alleles of all files, by identifier and by place."},
        {"name": "Service", "description": "What it is, and how it is."},
    ],
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# --- Logs --------------------------------------------------------------------------------------

LOGGING = logs.configuration(env.str("LOG_FORMAT", default="text"), env.str("LOG_LEVEL", default="INFO"))
