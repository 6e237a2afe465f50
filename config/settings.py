"""Every setting of an installation; each environment variable is described in docs/settings.md."""

from __future__ import annotations

import ipaddress
import sys
from pathlib import Path
from typing import Any

import limits
from environs import Env, EnvError
from psycopg.conninfo import conninfo_to_dict

from config import embedded

env = Env()


@env.parser_for("rate")
def _rate(text: str) -> limits.RateLimitItem | None:
    try:
        return limits.parse(text) if text else None
    except ValueError:
        raise EnvError(f"{text!r} is no rate such as 600/minute") from None


@env.parser_for("networks")
def _networks(text: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    try:
        return [ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise EnvError(str(error)) from None


BASE_DIR = Path(__file__).resolve().parent.parent

# --- the installation -------------------------------------------------------------------------
STATE_DIR = Path(env.str("NUNCHI_STATE_DIR", str(BASE_DIR / "var" / "state")))
DEBUG = env.bool("NUNCHI_DEBUG", False)
TESTING = "pytest" in sys.modules
DEMO = env.bool("NUNCHI_DEMO", False)
DEMO_DIR = STATE_DIR if env.str("NUNCHI_STATE_DIR", "") else BASE_DIR / "var"

DATABASE_URL = env.str("DATABASE_URL", "")
DATABASE_OWNER_URL = env.str("DATABASE_OWNER_URL", "")
REDIS_URL = env.str("REDIS_URL", "")
EMBEDDED = not (DATABASE_URL and REDIS_URL)
if EMBEDDED:
    _addresses = embedded.addresses(STATE_DIR)
    if not DATABASE_URL:
        DATABASE_URL, DATABASE_OWNER_URL = _addresses.database_url, _addresses.database_owner_url
    BROKER_URL = REDIS_URL or _addresses.broker_url
    REDIS_URL = REDIS_URL or _addresses.redis_url
else:
    BROKER_URL = env.str("NUNCHI_BROKER_URL", "") or REDIS_URL
SECRET_KEY = env.str("NUNCHI_SECRET_KEY", "") or embedded.addresses(STATE_DIR).secret_key

# --- web ----------------------------------------------------------------------------------------
WEB_HOST = env.str("NUNCHI_WEB_HOST", "127.0.0.1")
WEB_PORT = env.int("NUNCHI_WEB_PORT", 8000)
WEB_THREADS = env.int("NUNCHI_WEB_THREADS", 4)
PUBLIC_URL = env.str("NUNCHI_PUBLIC_URL", f"http://{WEB_HOST}:{WEB_PORT}").rstrip("/")
ALLOWED_HOSTS = env.list("NUNCHI_ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("NUNCHI_CSRF_TRUSTED_ORIGINS", [])
_HTTPS = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("NUNCHI_BEHIND_PROXY", False) else None
TRUSTED_PROXIES = env.networks("NUNCHI_TRUSTED_PROXIES", "")
SECURE_HSTS_SECONDS = 31_536_000 if _HTTPS else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "config.errors.csrf_failure"

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
INSTALLED_APPS = [
    "web",  # first: its templates dress those of allauth
    "unfold.apps.BasicAppConfig",
    "config.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "tenants",
    "events",
    "segments",
    "campaigns",
    "config",
]
MIDDLEWARE = [
    "config.logging.RequestContextMiddleware",
    "config.health.HealthMiddleware",
    "config.metrics.RequestMetricsMiddleware",
    "events.cors.CORSMiddleware",
    "config.errors.APIErrorMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "web.content_security.ContentSecurityMiddleware",
    "web.htmx.SignInMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "tenants.access.TenantMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "tenants.access.tenant_context",
                "web.navigation.navigation",
            ],
        },
    },
]
STATIC_URL = "/static/"
STATICFILES_DIRS = [("sdk", BASE_DIR / "sdk" / "web" / "dist")]
WHITENOISE_USE_FINDERS = True  # no collectstatic step: a clone serves its committed assets as they are
WHITENOISE_AUTOREFRESH = DEBUG

# --- languages and time ---------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ko", "한국어")]
LOCALE_PATHS = [BASE_DIR / "config" / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

# --- database ---------------------------------------------------------------------------------------
STATEMENT_TIMEOUT_MS = env.int("NUNCHI_STATEMENT_TIMEOUT_MS", 30_000)
LOCK_TIMEOUT_MS = env.int("NUNCHI_LOCK_TIMEOUT_MS", 10_000)
DATABASE_POOL_SIZE = env.int("NUNCHI_DATABASE_POOL_SIZE", 0)
TEST_SUFFIX = env.str("NUNCHI_TEST_SUFFIX", "")


def _database(url: str, owner_url: str) -> dict[str, Any]:
    """The application role's connection; the owner's credentials serve migrations alone."""
    app, owner = conninfo_to_dict(url), conninfo_to_dict(owner_url or url)
    options: dict[str, Any] = {
        "application_name": "nunchi",
        "prepare_threshold": 2,  # by itself Django lets nothing be prepared
        "options": (
            f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={LOCK_TIMEOUT_MS}"
            " -c idle_in_transaction_session_timeout=60000 -c timezone=UTC"
            # For some people compiling or sharing out a statement takes longer than running it; for everybody
            # segments.membership asks for helpers.
            " -c jit=off -c max_parallel_workers_per_gather=0"
        ),
    }
    known = {"host", "port", "user", "password", "dbname"}
    options |= {key: value for key, value in app.items() if key not in known}
    if DATABASE_POOL_SIZE and not TESTING:
        options["pool"] = {"min_size": 1, "max_size": DATABASE_POOL_SIZE, "timeout": 10}
    return {
        "ENGINE": "tenants.postgresql",
        "NAME": app.get("dbname", "nunchi"),
        "USER": app.get("user", ""),
        "PASSWORD": app.get("password", ""),
        "HOST": app.get("host", ""),
        "PORT": str(app.get("port", "")),
        "OWNER": {"user": owner.get("user"), "password": owner.get("password")},
        "ATOMIC_REQUESTS": False,
        "CONN_MAX_AGE": 0 if DATABASE_POOL_SIZE else 300,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": options,
        "TEST": {"NAME": "_".join(filter(None, ["test", str(app.get("dbname", "nunchi")), TEST_SUFFIX]))},
    }


DATABASES = {"default": _database(DATABASE_URL, DATABASE_OWNER_URL)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {
    "default": {
        "BACKEND": "config.cache.TolerantCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "nunchi",
        "OPTIONS": {"socket_timeout": 0.5, "socket_connect_timeout": 0.5},
    },
    "process": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    },
}

# --- people who sign in -----------------------------------------------------------------------------
AUTH_USER_MODEL = "tenants.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
if TESTING:
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # every test casts eight users
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = env.str("NUNCHI_EMAIL_VERIFICATION", "optional")
ACCOUNT_ADAPTER = "tenants.accounts.AccountAdapter"
SIGNUP_OPEN = env.bool("NUNCHI_SIGNUP_OPEN", False)
LOGIN_URL = "/accounts/login/"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGOUT_REDIRECT_URL = "/accounts/login/"
SESSION_ENGINE = "django.contrib.sessions.backends.db"
EMAIL_URL = env.dj_email_url("NUNCHI_EMAIL_URL", "console:")
EMAIL_BACKEND = EMAIL_URL["EMAIL_BACKEND"]
EMAIL_HOST = EMAIL_URL.get("EMAIL_HOST", "")
EMAIL_PORT = EMAIL_URL.get("EMAIL_PORT", 25)
EMAIL_HOST_USER = EMAIL_URL.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = EMAIL_URL.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = EMAIL_URL.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = EMAIL_URL.get("EMAIL_USE_SSL", False)
DEFAULT_FROM_EMAIL = env.str("NUNCHI_FROM_EMAIL", "nunchi@localhost")

# --- ingestion ----------------------------------------------------------------------------------------
MAX_ITEM_BYTES = env.int("NUNCHI_MAX_ITEM_BYTES", 128 * 1024)
MAX_BATCH_BYTES = env.int("NUNCHI_MAX_BATCH_BYTES", 5 * 1024 * 1024)
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BATCH_BYTES

# --- limits -------------------------------------------------------------------------------------------
KEY_REQUEST_LIMIT = env.rate("NUNCHI_KEY_REQUEST_LIMIT", "180000/minute")
KEY_ITEM_LIMIT = env.rate("NUNCHI_KEY_ITEM_LIMIT", "6000000/minute")
ADDRESS_REQUEST_LIMIT = env.rate("NUNCHI_ADDRESS_REQUEST_LIMIT", "120000/minute")
UNKNOWN_KEY_LIMIT = env.rate("NUNCHI_UNKNOWN_KEY_LIMIT", "600/minute")

# --- API ------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "tenants.errors.api_exception_handler",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Nunchi",
    "DESCRIPTION": "Events in, the right message out. See docs/api.md.",
    "VERSION": "0.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": r"/(api/)?v1",
}

# --- background work ----------------------------------------------------------------------------------
WORKER_CONCURRENCY = env.int("NUNCHI_WORKER_CONCURRENCY", 2)

# --- logs and errors -----------------------------------------------------------------------------------
LOG_LEVEL = env.str("NUNCHI_LOG_LEVEL", "INFO")
LOG_FORMAT = env.str("NUNCHI_LOG_FORMAT", "json")
LOGGING_CONFIG = "config.logging.configure"
LOGGING: dict[str, Any] = {"level": LOG_LEVEL, "format": LOG_FORMAT}
METRICS_TOKEN = env.str("NUNCHI_METRICS_TOKEN", "")

UNFOLD = {
    "SITE_TITLE": "Nunchi",
    "SITE_HEADER": "Nunchi",
    "SITE_URL": "/",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": f"{STATIC_URL}web/icon.svg"}],
    "SHOW_HISTORY": False,
    "COLORS": {
        "primary": {
            "50": "#eff5ff",
            "100": "#dce8fd",
            "200": "#bdd4fb",
            "300": "#93b9f8",
            "400": "#6496f0",
            "500": "#3f7ce6",
            "600": "#2f6fde",
            "700": "#2457b5",
            "800": "#21498f",
            "900": "#1f3f73",
            "950": "#152848",
        }
    },
}
