"""Every setting of Lectern, read once from the environment (see .env.example)."""

import os
from pathlib import Path

import dj_database_url
from csp.constants import NONCE, NONE, SELF
from django.utils.translation import gettext_lazy as _

from kb import quiet  # noqa: F401 - see "others must stay quiet"
from kb.admin_theme import UNFOLD  # noqa: F401
from kb.data import prepare_data_folder, secret_key
from kb.env import env, env_bool, env_choice, env_int, env_list, env_url

BASE_DIR = Path(__file__).resolve().parent.parent

# --- where things are --------------------------------------------------------
KB_DATA = Path(env("KB_DATA", str(BASE_DIR / "var"))).resolve()
prepare_data_folder(KB_DATA)
KB_HOST = env("KB_HOST", "127.0.0.1")
KB_PORT = env_int("KB_PORT", 8000, minimum=1)
KB_WEB_WORKERS = env_int("KB_WEB_WORKERS", 2, minimum=1)
KB_WEB_THREADS = env_int("KB_WEB_THREADS", 64, minimum=1)
KB_PARSE_WORKERS = env_int("KB_PARSE_WORKERS", max(2, (os.cpu_count() or 2) // 2), minimum=1)
KB_REDIS_URL = env("KB_REDIS_URL", f"redis+socket://{KB_DATA}/run/redis.sock")
KB_CHROMA_URL = env_url("KB_CHROMA_URL")  # empty: the server that `run` started (kb/data.py)
KB_MILVUS_URI = env("KB_MILVUS_URI").rstrip("/")  # a cluster's address, or the folder of Milvus Lite (kb/data.py)
KB_MILVUS_TOKEN = env("KB_MILVUS_TOKEN")
KB_MILVUS_DATABASE = env("KB_MILVUS_DATABASE", "default")
KB_EMBED_URL = env_url("KB_EMBED_URL")  # empty: the embed worker's socket in the data folder
KB_EMBED_LISTEN = env("KB_EMBED_LISTEN")  # host:port for the embed worker instead of the socket

# --- Django ------------------------------------------------------------------
DEBUG = env_bool("KB_DEBUG", False)
SECRET_KEY = env("KB_SECRET_KEY") or secret_key(KB_DATA)
ALLOWED_HOSTS = env_list("KB_ALLOWED_HOSTS", f"localhost,127.0.0.1,[::1],{KB_HOST}")
CSRF_TRUSTED_ORIGINS = env_list("KB_TRUSTED_ORIGINS")
BEHIND_PROXY = env_bool("KB_BEHIND_PROXY", False)
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_COOKIES = env_bool("KB_SECURE_COOKIES", BEHIND_PROXY)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_COOKIES
SESSION_COOKIE_NAME = "lectern_session"
CSRF_COOKIE_NAME = "lectern_csrf"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "kb.admin_app.LecternAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "csp",
    "ninja",
    "kb",
    "search",
    "ingestion",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "kb.middleware.ActingMiddleware",
    "kb.middleware.UserLanguageMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "kb.middleware.FirstVisitMiddleware",
    "kb.middleware.PrivatePagesMiddleware",
]

ROOT_URLCONF = "kb.urls"
WSGI_APPLICATION = "kb.wsgi.application"

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
                "django.template.context_processors.i18n",
                "csp.context_processors.nonce",
                "kb.context.navigation",
            ],
        },
    },
]

# --- database ----------------------------------------------------------------
DATABASES = {
    "default": dj_database_url.parse(
        env("KB_DATABASE_URL", f"sqlite:///{KB_DATA}/lectern.sqlite3"), conn_max_age=60, conn_health_checks=True
    )
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-16000;",
    }
elif DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
    # Threads share connections: each has one while it answers, none while it sends what a language model writes.
    DATABASES["default"]["CONN_MAX_AGE"] = 0
    DATABASES["default"].setdefault("OPTIONS", {})["pool"] = {"min_size": 1, "max_size": 16, "timeout": 30}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- people ------------------------------------------------------------------
AUTH_USER_MODEL = "kb.User"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
INVITATION_DAYS = 7

# --- language and time -------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGE_COOKIE_NAME = "lectern_language"
USE_I18N = True
USE_TZ = True
TIME_ZONE = env("KB_TIME_ZONE", "UTC")

# --- files -------------------------------------------------------------------
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = KB_DATA / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
FILE_UPLOAD_TEMP_DIR = str(KB_DATA / "tmp")
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
DATA_UPLOAD_MAX_NUMBER_FILES = 1000
DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 1024 * 1024  # of form fields; the paste box is one
KB_MAX_UPLOAD_MB = env_int("KB_MAX_UPLOAD_MB", 200, minimum=1)

# --- the way of a file -------------------------------------------------------
KB_PARSE_SECONDS = env_int("KB_PARSE_SECONDS", 300, minimum=1)
KB_PARSE_MEMORY_MB = env_int("KB_PARSE_MEMORY_MB", 1536, minimum=256)
KB_OCR_LANGUAGES = env("KB_OCR_LANGUAGES", "chi_sim+jpn+eng")
KB_LEASE_SECONDS = env_int("KB_LEASE_SECONDS", 60, minimum=2)
KB_RECONCILE_SECONDS = env_int("KB_RECONCILE_SECONDS", 10, minimum=1)
KB_MAX_ATTEMPTS = env_int("KB_MAX_ATTEMPTS", 3, minimum=1)
KB_CHECK_HOUR = env_int("KB_CHECK_HOUR", 3, minimum=-1)  # of the day, by KB_TIME_ZONE; -1: no nightly check

# --- the way of a question ---------------------------------------------------
KB_EMBEDDING_MODEL = env("KB_EMBEDDING_MODEL", "sentence-transformers/all-MiniLM-L6-v2")
KB_EMBEDDING_URL = env_url("KB_EMBEDDING_URL")  # empty: the embed worker has the model itself
KB_DEVICE = env("KB_DEVICE")  # empty: cuda where there is one, else cpu
KB_CONVERT_AFTER = env_int("KB_CONVERT_AFTER", 60, minimum=0)  # seconds until a CPU's model is put on OpenVINO
KB_BATCH_TOKENS = env_int("KB_BATCH_TOKENS", 0, minimum=0)  # 0: 2,048 on a CPU, 65,536 on a GPU
KB_VECTOR_STORE = env_choice("KB_VECTOR_STORE", ("chroma", "faiss", "milvus", "exact"), "chroma")
KB_EXACT_MEMORY_MB = env_int("KB_EXACT_MEMORY_MB", 256, minimum=0)  # of each process, where all vectors are compared
KB_EXACT_SECONDS = env_int("KB_EXACT_SECONDS", 5, minimum=1)
KB_KEEP_PREVIOUS_DAYS = env_int("KB_KEEP_PREVIOUS_DAYS", 14, minimum=0)
KB_KEYWORD_INDEX = env_choice("KB_KEYWORD_INDEX", ("tantivy", "milvus"), "tantivy")
KB_RERANK_SECONDS = env_int("KB_RERANK_SECONDS", 5, minimum=1)
KB_ANSWERER = env_choice("KB_ANSWERER", ("extractive",), "extractive")
KB_CHAT_URL = env("KB_CHAT_URL")
KB_CHAT_MODEL = env("KB_CHAT_MODEL")
KB_CHAT_SECONDS = env_int("KB_CHAT_SECONDS", 120, minimum=1)
KB_CHAT_FIRST_SECONDS = env_int("KB_CHAT_FIRST_SECONDS", max(300, KB_CHAT_SECONDS), minimum=1)
KB_CHAT_ANSWER_SECONDS = env_int("KB_CHAT_ANSWER_SECONDS", KB_CHAT_FIRST_SECONDS + 600, minimum=1)
KB_ANSWER_URL = env("KB_ANSWER_URL")
KB_ANSWER_LISTEN = env("KB_ANSWER_LISTEN")
ANSWER_MOUNTS = {"/mcp": "ingestion.mcp.http.McpOverHttp"}  # what else that process serves: path -> class
KB_KEEP_CALLS_DAYS = env_int("KB_KEEP_CALLS_DAYS", 90, minimum=0)  # 0: for ever
KB_LOG_CALL_TEXT = env_bool("KB_LOG_CALL_TEXT", False)
KB_FLUSH_CALLS_SECONDS = 2.0  # 0: only who calls for it writes the call log
KB_API_CALLS_A_MINUTE = env_int("KB_API_CALLS_A_MINUTE", 600, minimum=0)  # of each key; 0: any number

# --- Celery: the row is the job, a message is only a doorbell ------------------
CELERY = {
    "broker_url": KB_REDIS_URL,
    "task_serializer": "json",
    "accept_content": ["json"],
    "result_backend": None,
    "task_ignore_result": True,
    "task_acks_late": True,
    "task_reject_on_worker_lost": False,
    "worker_prefetch_multiplier": 1,
    "task_time_limit": KB_PARSE_SECONDS + 300,
    "broker_transport_options": {"visibility_timeout": 1500, "socket_keepalive": True, "health_check_interval": 30},
    "visibility_timeout": 1500,
    "worker_soft_shutdown_timeout": 20,
    "broker_connection_retry_on_startup": True,
    "task_publish_retry": False,
    "task_default_queue": "parse",
    "task_routes": {
        "ingestion.tasks.parse_document": {"queue": "parse"},
        "ingestion.tasks.embed_missing": {"queue": "embed"},
    },
    "worker_hijack_root_logger": False,
}

# --- what a page may load: itself ----------------------------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
        "manifest-src": [SELF],
    },
}

# --- others must stay quiet: no download, no telemetry (OpenVINO's: kb/quiet.py) -------
for name in ("HF_HUB_OFFLINE", "DO_NOT_TRACK", "SCARF_NO_ANALYTICS", "UNSTRUCTURED_DISABLE_NOTICE"):
    os.environ.setdefault(name, "1")
os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")
os.environ.setdefault("PYTHON_DOTENV_DISABLED", "1")  # pymilvus would read any .env it finds on its way up
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env("KB_LOG_LEVEL", "INFO")},
    "loggers": {name: {"level": "WARNING"} for name in ("httpx", "httpx2", "chromadb", "faiss", "mcp")},
}
