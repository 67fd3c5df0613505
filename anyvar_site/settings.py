"""All settings, from the environment. The defaults make a safe service on one machine without a server.

A wrong value stops the start with a sentence. Names follow AnyVar where it has one.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import django_stubs_ext
from environs import validate

from anyvar_site import filesystem_broker, log_lines, redis_broker
from anyvar_site.environment import ADDRESS, CONTACT, NOT_NEGATIVE, POSITIVE, RATE, env, moment, secret_key
from vcfjobs import __version__

BASE_DIR = Path(__file__).resolve().parent.parent
if not (BASE_DIR / "manage.py").exists():  # installed by pip
    BASE_DIR = Path.cwd()
VAR_DIR = BASE_DIR / "var"

django_stubs_ext.monkeypatch()

# --- Django ------------------------------------------------------------------------------------

# It contains the database, the broker and the key by default: private, whatever the umask.
VAR_DIR.mkdir(mode=0o700, exist_ok=True)

DEBUG = env.bool("DEBUG", False)
SECRET_KEY = env.str("SECRET_KEY", "") or secret_key(VAR_DIR / "secret_key")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS", [])

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
        "DIRS": [Path(__file__).parent / "templates"],
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
FORMAT_MODULE_PATH = "anyvar_site.formats"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
# Static files are served from the apps' folders: no collectstatic step to forget.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

HTTPS = env.bool("ANYVAR_HTTPS", False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}Validator"}
    for name in ("UserAttributeSimilarity", "MinimumLength", "CommonPassword", "NumericPassword")
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"

# --- Database ----------------------------------------------------------------------------------

SQLITE_OPTIONS = {
    # IMMEDIATE: a transaction that reads before it writes locks at once instead of failing later.
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    # FULL: an acknowledged commit survives a power cut.
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=20000;",
}
POSTGRESQL_OPTIONS = {
    "connect_timeout": 5,
    # A host that vanishes silently is given up after half a minute, not a quarter of an hour.
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
DATABASE = env.database("DATABASE_URL", default=VAR_DIR / "db.sqlite3")
if DATABASE["ENGINE"].endswith("sqlite3"):
    DATABASE["OPTIONS"] = SQLITE_OPTIONS
else:
    DATABASE["OPTIONS"] = POSTGRESQL_OPTIONS | DATABASE["OPTIONS"]
    DATABASE |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
DATABASES = {"default": DATABASE}

# --- The service -------------------------------------------------------------------------------

ANYVAR_VCF_ASYNC_WORK_DIR = env.path("ANYVAR_VCF_ASYNC_WORK_DIR", VAR_DIR / "work").absolute()
ANYVAR_SEQUENCE_DIR = env.path("ANYVAR_SEQUENCE_DIR", VAR_DIR / "sequences").absolute()
ANYVAR_MAX_UPLOAD_BYTES = env.int("ANYVAR_MAX_UPLOAD_BYTES", 64 * 2**30, validate=POSITIVE)
ANYVAR_SYNC_MAX_BYTES = env.int("ANYVAR_SYNC_MAX_BYTES", 32 * 2**20, validate=POSITIVE)
ANYVAR_SHARD_BYTES = env.int("ANYVAR_SHARD_BYTES", 8 * 2**20, validate=POSITIVE)
# 0: no limit.
ANYVAR_OWNER_MAX_RUNS = env.int("ANYVAR_OWNER_MAX_RUNS", 20_000, validate=NOT_NEGATIVE)
ANYVAR_OWNER_MAX_BYTES = env.int("ANYVAR_OWNER_MAX_BYTES", 0, validate=NOT_NEGATIVE)
ANYVAR_MAX_QUEUED_RUNS = env.int("ANYVAR_MAX_QUEUED_RUNS", 100_000, validate=NOT_NEGATIVE)
ANYVAR_MIN_FREE_BYTES = env.int("ANYVAR_MIN_FREE_BYTES", 256 * 2**20, validate=NOT_NEGATIVE)
ANYVAR_LEASE_SECONDS = env.int("ANYVAR_LEASE_SECONDS", 60, validate=POSITIVE)
ANYVAR_RUN_MAX_ATTEMPTS = env.int("ANYVAR_RUN_MAX_ATTEMPTS", 3, validate=POSITIVE)
ANYVAR_DEFAULT_ASSEMBLY = env.str("ANYVAR_DEFAULT_ASSEMBLY", "GRCh38")
ANYVAR_VRS_VERSION = env.str("ANYVAR_VRS_VERSION", "2.0", validate=validate.OneOf(["2.0", "2.1"]))
# Read by the engine, which knows no settings; checked here.
env.str("ANYVAR_KERNEL", "on", validate=validate.OneOf(["on", "off"]))
ANYVAR_VCF_ASYNC_FAILURE_STATUS_CODE = env.int(
    "ANYVAR_VCF_ASYNC_FAILURE_STATUS_CODE", 500, validate=validate.Range(400, 599)
)
ANYVAR_AUTH_TOKEN_LIST = env.restriction("ANYVAR_AUTH_TOKEN_LIST")
ANYVAR_AUTH_REQUIRED = env.bool("ANYVAR_AUTH_REQUIRED", False)
ANYVAR_AUTH_ISSUER_URL = env.str("ANYVAR_AUTH_ISSUER_URL", "", validate=ADDRESS)
ANYVAR_AUTH_JWKS_URI = env.str("ANYVAR_AUTH_JWKS_URI", "", validate=ADDRESS)  # empty: discovered
ANYVAR_AUTH_AUDIENCES = env.restriction("ANYVAR_AUTH_AUDIENCES")
ANYVAR_AUTH_APPIDS = env.restriction("ANYVAR_AUTH_APPIDS")
ANYVAR_AUTH_SCOPES = env.restriction("ANYVAR_AUTH_SCOPES")
ANYVAR_AUTH_EMAILS = env.restriction("ANYVAR_AUTH_EMAILS")
ANYVAR_AUTH_SUBJECTS = env.restriction("ANYVAR_AUTH_SUBJECTS")
ANYVAR_AUTH_CLIENT_ID = env.str("ANYVAR_AUTH_CLIENT_ID", "")
ANYVAR_AUTH_CLIENT_SECRET = env.str("ANYVAR_AUTH_CLIENT_SECRET", "")  # empty: a public client
env.refuse_unused_authentication()
ANYVAR_REGISTER = env.bool("ANYVAR_REGISTER", True)
ANYVAR_PROVENANCE = env.bool("ANYVAR_PROVENANCE", True)
ANYVAR_SUBMIT_RATE = env.str("ANYVAR_SUBMIT_RATE", "600/min", validate=RATE)
ANYVAR_SERVICE_ID = env.str("ANYVAR_SERVICE_ID", "org.example.vcfjobs")
ANYVAR_ORGANIZATION_NAME = env.str("ANYVAR_ORGANIZATION_NAME", "Unnamed organization")
ANYVAR_ORGANIZATION_URL = env.str("ANYVAR_ORGANIZATION_URL", "https://example.org/", validate=ADDRESS)
ANYVAR_CONTACT_URL = env.str("ANYVAR_CONTACT_URL", "", validate=CONTACT)
ANYVAR_DOCUMENTATION_URL = env.str("ANYVAR_DOCUMENTATION_URL", "", validate=ADDRESS)  # empty: /docs/ here
ANYVAR_SERVICE_CREATED_AT = env.str("ANYVAR_SERVICE_CREATED_AT", "", validate=moment)
ANYVAR_SERVICE_UPDATED_AT = env.str("ANYVAR_SERVICE_UPDATED_AT", "", validate=moment)
ANYVAR_SERVICE_ENVIRONMENT = env.str("ANYVAR_SERVICE_ENVIRONMENT", "test" if DEBUG else "prod")

# --- Notifications -----------------------------------------------------------------------------

ANYVAR_PUBLIC_URL = env.str("ANYVAR_PUBLIC_URL", "", validate=ADDRESS).rstrip("/")
ANYVAR_CALLBACK_HOSTS = env.origins("ANYVAR_CALLBACK_HOSTS")
ANYVAR_CALLBACK_PRIVATE_HOSTS = env.origins("ANYVAR_CALLBACK_PRIVATE_HOSTS")
ANYVAR_CALLBACK_SECRET = env.signing_keys("ANYVAR_CALLBACK_SECRET")
env.require("ANYVAR_CALLBACK_SECRET", "ANYVAR_CALLBACK_HOSTS", "ANYVAR_CALLBACK_PRIVATE_HOSTS")
EMAIL = env.email("EMAIL_URL")
EMAIL_ENABLED = bool(EMAIL)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "webmaster@localhost")
env.require("DEFAULT_FROM_EMAIL", "EMAIL_URL")
env.require("ANYVAR_PUBLIC_URL", "EMAIL_URL")
globals().update(EMAIL)

# --- Uploads -----------------------------------------------------------------------------------

# Uploads of any size stream into the spool of the work directory and are renamed from there.
FILE_UPLOAD_HANDLERS = ["vcfjobs.api.uploads.SpoolUploadHandler"]
FILE_UPLOAD_PERMISSIONS = 0o600

# --- Celery ------------------------------------------------------------------------------------

CELERY_HARD_LIMIT = env.int("CELERY_TASK_TIME_LIMIT", 3900, validate=POSITIVE)
CELERY_SOFT_LIMIT = env.int("CELERY_SOFT_TIME_LIMIT", 3600, validate=POSITIVE)
CELERY_VISIBILITY_TIMEOUT = env.int(
    "CELERY_BROKER_TRANSPORT_OPTIONS_VISIBILITY_TIMEOUT", CELERY_HARD_LIMIT + 300, validate=POSITIVE
)
CELERY_RESULT_EXPIRES = env.int("CELERY_RESULT_EXPIRES", 7200, validate=POSITIVE)
# Not passed on to Celery, which would retry a task that kills its worker forever.
REQUEUE_WHEN_CHILD_LOST = env.bool("CELERY_TASK_REJECT_ON_WORKER_LOST", False)
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", "")

CELERY: dict[str, Any] = {
    "result_backend": env.str("CELERY_BACKEND_URL", "django-db"),
    "result_expires": CELERY_RESULT_EXPIRES,
    "result_extended": True,
    "task_default_queue": env.str("CELERY_TASK_DEFAULT_QUEUE", "anyvar_q"),
    "event_queue_prefix": env.str("CELERY_EVENT_QUEUE_PREFIX", "anyvar_ev"),
    "timezone": env.str("CELERY_TIMEZONE", "UTC"),
    "task_acks_late": env.bool("CELERY_TASK_ACKS_LATE", True),
    "task_reject_on_worker_lost": False,
    "worker_prefetch_multiplier": env.int("CELERY_WORKER_PREFETCH_MULTIPLIER", 1, validate=NOT_NEGATIVE),
    "task_time_limit": CELERY_HARD_LIMIT,
    "worker_send_task_events": env.bool("CELERY_WORKER_SEND_TASK_EVENTS", False),
    "worker_hijack_root_logger": False,
    "broker_connection_retry_on_startup": True,
    # A publish must end within seconds even when the broker hangs: the sweep sends the run later.
    "broker_connection_timeout": 2,
    "broker_pool_acquire_timeout": 3,
    "redis_socket_timeout": 5,
    "redis_socket_connect_timeout": 2,
    "task_publish_retry": False,
}
if CELERY_BROKER_URL.startswith(redis_broker.SCHEMES):
    CELERY |= redis_broker.broker_settings(CELERY_BROKER_URL, CELERY_VISIBILITY_TIMEOUT)
elif CELERY_BROKER_URL:
    CELERY["broker_url"] = CELERY_BROKER_URL
else:
    CELERY |= filesystem_broker.broker_settings(env.path("ANYVAR_BROKER_DIR", VAR_DIR / "broker").absolute())
passed_on = env.celery_passthrough()
transport_options = CELERY.get("broker_transport_options", {}) | passed_on.pop("broker_transport_options", {})
CELERY |= passed_on | {"broker_transport_options": transport_options}
CELERY_VISIBILITY_TIMEOUT = transport_options.get("visibility_timeout", CELERY_VISIBILITY_TIMEOUT)

# --- REST --------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "vcfjobs.api.authentication.BearerAuthentication",
        "vcfjobs.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["vcfjobs.api.authentication.OpenOrAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "vcfjobs.api.negotiation.AlwaysJson",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    # No OPTIONS metadata: the OpenAPI document describes the calls.
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "vcfjobs.api.problems.exception_handler",
    "URL_FORMAT_OVERRIDE": None,
    # How many proxies add to X-Forwarded-For; without one, clients could write anything into the header.
    "NUM_PROXIES": env.int("ANYVAR_NUM_PROXIES", 0, validate=NOT_NEGATIVE),
}
SPECTACULAR_SETTINGS = {
    "TITLE": "VCF annotation with GA4GH VRS allele identifiers",
    "DESCRIPTION": "AnyVar's VCF protocol; list, cancel, retry and delete runs; find registered alleles.",
    "VERSION": __version__,
    "TAGS": [
        {"name": "VCF", "description": "AnyVar's protocol: submit, poll, fetch."},
        {"name": "Runs", "description": "The same runs: list, progress, cancel, retry, delete."},
        {"name": "Registry", "description": "The alleles of all files, by identifier, region and run."},
        {"name": "Service", "description": "Health, readiness, metrics, statistics and service info."},
    ],
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# --- Logs --------------------------------------------------------------------------------------

LOGGING = log_lines.configuration(
    env.str("LOG_FORMAT", "text", validate=validate.OneOf(["text", "json"])),
    env.log_level("LOG_LEVEL", logging.INFO),
    run="vcfjobs.log_context.RunFilter",
)
ANYVAR_ACCESS_LOG = env.bool("ANYVAR_ACCESS_LOG", False)
if ANYVAR_ACCESS_LOG:
    MIDDLEWARE.insert(0, "anyvar_site.access_log.AccessLogMiddleware")
    LOGGING = log_lines.with_access_log(LOGGING)
