"""All settings, in the order in which a request meets them. Every value that a deployer may change comes from
the environment and is listed in docs/configuration.md."""

import re
from datetime import timedelta
from email.utils import parseaddr
from logging import getLevelNamesMapping
from pathlib import Path
from typing import Any

from babel.core import get_global
from csp.constants import NONCE, NONE, SELF

from telemed import env

ROOT = Path(__file__).resolve().parent.parent
VERSION = "0.1.0"

# --- mode -------------------------------------------------------------------------------------------------------------
MODE = env.text("TELEMED_MODE", "production")
if MODE not in ("production", "demo"):
    env.refuse(f"TELEMED_MODE={MODE!r} must be production or demo.")
PRODUCTION = MODE == "production"
DEMO = MODE == "demo"
DEBUG = False
TESTING = env.flag("TELEMED_TESTING") and DEMO

LOCAL = Path(env.text("TELEMED_LOCAL", str(ROOT / ".local")))
PUBLIC_URL = env.needed(
    "PUBLIC_URL",
    what="the address people type, like https://clinic.example",
    demo="http://localhost:8000",
    production=PRODUCTION,
).rstrip("/")
_public = env.url("PUBLIC_URL", PUBLIC_URL, {"https"} if PRODUCTION else {"http", "https"})
if _public.path or _public.query:
    env.refuse(f"PUBLIC_URL={PUBLIC_URL!r} must end with the host: the platform has a host of its own.")
SECRET_KEY = env.needed(
    "SECRET_KEY", what="at least 50 random characters", demo="demo-only-" + "0" * 50, production=PRODUCTION
)
if len(SECRET_KEY) < 50:
    env.refuse("SECRET_KEY is shorter than 50 characters; make one with: openssl rand -base64 60")
# Where the back office is: a path of its own, and if wished a host of its own (with the port, if there is one).
ADMIN_PATH = env.text("ADMIN_PATH", "admin").strip("/") + "/"
ADMIN_HOST = env.text("ADMIN_HOST").lower()
if not re.fullmatch(r"[a-z0-9][a-z0-9-]{1,40}/", ADMIN_PATH):
    env.refuse("ADMIN_PATH must be one word of small letters, digits and dashes, like admin or back-office.")
ALLOWED_HOSTS = env.names("ALLOWED_HOSTS", [str(_public.hostname)]) + (
    ["localhost", "127.0.0.1", ".localhost"] if DEMO else []
)
if _no_host := next((host for host in ALLOWED_HOSTS if "/" in host), ""):
    env.refuse(f"ALLOWED_HOSTS: {_no_host!r} must be a host name like clinic.example.")
ALLOWED_HOSTS += [ADMIN_HOST.split(":")[0]] if ADMIN_HOST else []
_port = f":{_public.port}" if _public.port else ""
_hosts = [
    f"*{host}" if host.startswith(".") else host for host in dict.fromkeys([str(_public.hostname), *ALLOWED_HOSTS])
]
CSRF_TRUSTED_ORIGINS = [f"{_public.scheme}://{host}{_port}" for host in _hosts]
CSRF_TRUSTED_ORIGINS += [f"{_public.scheme}://{ADMIN_HOST}"] if ADMIN_HOST else []
SOCKET_ORIGINS = [origin.replace("*.", ".") for origin in CSRF_TRUSTED_ORIGINS]  # Channels writes them so
TRUSTED_PROXIES = env.whole("TRUSTED_PROXIES", 1 if PRODUCTION else 0, least=0)

# --- parts ------------------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "telemed.core",
    "telemed.notifications",
    "telemed.accounts",
    "patients",
    "doctors",
    "consultations",
    "billing",
    "adminops",
    "telemed.portals",
    "telemed.records",
    "django.contrib.admin.apps.SimpleAdminConfig",  # the back office registers its models itself
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.postgres",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "django_otp_webauthn",
    "guardian",
    "auditlog",
    "rest_framework",
    "channels",
    "csp",
]
if DEMO:
    INSTALLED_APPS.append("telemed.demo")
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "telemed.core.middleware.ContentPolicy",
    "telemed.core.middleware.Headers",
    "telemed.core.middleware.Origin",
    "telemed.accounts.middleware.House",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "telemed.core.middleware.Language",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "telemed.accounts.middleware.Person",
    "telemed.accounts.middleware.Activity",
    "django_otp.middleware.OTPMiddleware",
    "adminops.middleware.Door",
    "adminops.support.middleware.Helping",
    "telemed.accounts.middleware.Zone",
    "django.contrib.messages.middleware.MessageMiddleware",
    "telemed.accounts.policy.Gate",
    "telemed.core.integrity.Guard",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "adminops.middleware.Changes",
    "telemed.portals.limits.Limits",
]
ROOT_URLCONF = "telemed.urls"
POLICY = ROOT / "telemed" / "policy.yaml"
WSGI_APPLICATION = "telemed.wsgi.application"
ASGI_APPLICATION = "telemed.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    ["django.template.loaders.filesystem.Loader", "django.template.loaders.app_directories.Loader"],
                )
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csrf",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "telemed.accounts.context.clinic",
                "telemed.portals.notices.due",
            ],
            "builtins": [
                "django.templatetags.i18n",
                "django.templatetags.static",
                "telemed.core.templatetags.ui",
                "telemed.core.templatetags.say",
            ],
        },
    }
]
FORM_RENDERER = "telemed.core.forms.Renderer"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- data -------------------------------------------------------------------------------------------------------------
DATABASE_URL = env.needed(
    "DATABASE_URL",
    what="the PostgreSQL address, like postgres://user:password@host/name",
    demo="postgres://127.0.0.1/none",
    production=PRODUCTION,
)
env.url("DATABASE_URL", DATABASE_URL, {"postgres", "postgresql"})
DATABASES: dict[str, dict[str, Any]] = {"default": env.env.db_url_config(DATABASE_URL)}
IDLE_IN_TRANSACTION_SECONDS = 60
DATABASES["default"]["OPTIONS"] = {
    **DATABASES["default"].get("OPTIONS", {}),
    # JIT costs more than it gives on short statements, and no statement of a page may run for ever.
    "options": f"-c jit=off -c statement_timeout={env.whole('DATABASE_TIMEOUT_MS', 20000, least=0)}"
    f" -c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_SECONDS * 1000}",
    "pool": {"min_size": 1, "max_size": env.whole("DATABASE_POOL", 12), "timeout": 10},
}
REDIS_URL = env.needed(
    "REDIS_URL", what="the Redis address, like redis://host:6379/0", demo="redis://127.0.0.1:1/0", production=PRODUCTION
)
env.url("REDIS_URL", REDIS_URL, {"redis", "rediss", "unix"})
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "telemed",
        "OPTIONS": {
            "serializer": "telemed.core.cache.JSONSerializer",
            "socket_timeout": 2,
            "socket_connect_timeout": 2,
        },
    }
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {
            # redis-py 8 ends an idle subscription after five seconds unless told not to.
            "hosts": [{"address": REDIS_URL, "socket_timeout": None, "socket_connect_timeout": 2}],
            "symmetric_encryption_keys": [SECRET_KEY],
            "prefix": "telemed",
        },
    }
}
STORAGE_URL = env.needed(
    "STORAGE_URL",
    what="where encrypted files are kept, like file:///srv/telemed/files or s3://bucket",
    demo=f"file://{LOCAL}/files",
    production=PRODUCTION,
)
# Who was erased stays written down outside the database, so that a restored copy of it cannot bring them back.
TOMBSTONES_URL = env.text("TOMBSTONES_URL", f"{STORAGE_URL.rstrip('/')}/tombstones")
KMS_URL = env.needed(
    "KMS_URL",
    what="where the root key is, like file:///etc/telemed/root.key, vault://host:8200/transit/telemed or aws-kms://region/key",
    demo=f"file://{LOCAL}/keys/root.key",
    production=PRODUCTION,
)
KMS_OLD_URLS = env.names("KMS_OLD_URLS")
VAULT_TOKEN, VAULT_NAMESPACE = env.text("VAULT_TOKEN"), env.text("VAULT_NAMESPACE")
for _key_url in (KMS_URL, *KMS_OLD_URLS):
    env.root_key("KMS_URL" if _key_url == KMS_URL else "KMS_OLD_URLS", _key_url, token=VAULT_TOKEN)
# Where the heads of the sealed access log are kept, out of reach of who can change the database (core.anchors).
AUDIT_ANCHOR_URL = env.text("AUDIT_ANCHOR_URL", f"file://{LOCAL}/audit-heads.jsonl" if DEMO else "")
if AUDIT_ANCHOR_URL and not env.url("AUDIT_ANCHOR_URL", AUDIT_ANCHOR_URL, {"file", "storage"}).path.strip("/"):
    env.refuse(f"AUDIT_ANCHOR_URL={AUDIT_ANCHOR_URL!r} names no file, like file:///mnt/worm/heads.jsonl.")
STORAGES = {
    "default": env.storage("STORAGE_URL", STORAGE_URL),
    "tombstones": env.storage("TOMBSTONES_URL", TOMBSTONES_URL),
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage" if TESTING else "telemed.core.static.Storage"
    },
}
TENANT = env.text("TENANT", "main")
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500
# What people send stays in memory until it is encrypted: neither a request nor a file in it is ever spooled to the disk.
LARGEST_REQUEST = FILE_UPLOAD_MAX_MEMORY_SIZE = 14 * 1024 * 1024
FILE_UPLOAD_HANDLERS = ["telemed.core.uploads.InMemory"]

# --- who --------------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
SILENCED_SYSTEM_CHECKS = ["auth.W004"]  # an address is unique by the index beside it (core.fields.BlindIndex)
AUTHENTICATION_BACKENDS = [
    "telemed.accounts.backends.Password",
    "guardian.backends.ObjectPermissionBackend",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "telemed.accounts.passwords.NotStolen"},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ["email", "phone", "name"]},
    },
]
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/start/"
ACCOUNT_ADAPTER = "telemed.accounts.adapter.Adapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"  # our one-time codes prove an address before the account exists
ACCOUNT_PREVENT_ENUMERATION = "strict"
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_RATE_LIMITS = {
    "login": "60/m/ip",
    "login_failed": "20/m/ip,10/15m/key",
    "code": "30/m/ip,6/15m/key",
    "reset_password": "20/m/ip,5/m/key",
    "reauthenticate": "10/m/user",
    "passkey": "60/m/ip",
    "verify_prescription": "20/m/ip",
    "emergency": "10/h/user",
    "invite": "20/h/user",
}
SOCIALACCOUNT_ADAPTER = "telemed.accounts.social.SocialAdapter"
SOCIALACCOUNT_STORE_TOKENS = SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_EMAIL_VERIFICATION = "none"  # the provider has verified it, or it does not count
OIDC = {part: env.text(f"OIDC_{part.upper()}") for part in ("name", "issuer", "client_id", "client_secret")}
if any(OIDC.values()) and not all(OIDC.values()):
    env.refuse("OIDC_NAME, OIDC_ISSUER, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET go together; set all four or none.")
if OIDC["issuer"]:
    _issuer = env.url("OIDC_ISSUER", OIDC["issuer"], {"https"} if PRODUCTION else {"http", "https"})
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": "oidc",
                "name": OIDC["name"],
                "client_id": OIDC["client_id"],
                "secret": OIDC["client_secret"],
                "settings": {"server_url": OIDC["issuer"].rstrip("/")},
            }
        ],
    }
}
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES
GUARDIAN_RAISE_403 = False
ANONYMOUS_USER_NAME = None
GUARDIAN_MONKEY_PATCH_USER = False
OTP_TOTP_ISSUER = env.text("CLINIC_NAME", "Carepath")
# Where addresses are, for rule F-01; without it that rule sleeps.
GEO_DATABASE = env.text("GEO_DATABASE")
if GEO_DATABASE and not Path(GEO_DATABASE).is_file():
    env.refuse("GEO_DATABASE names a file that is not there; take the variable away, or put a city database there.")
# A passkey belongs to this host name for ever: under another one, people have to make new ones.
OTP_WEBAUTHN_RP_ID = str(_public.hostname)
OTP_WEBAUTHN_RP_NAME = env.text("CLINIC_NAME", "Carepath")
OTP_WEBAUTHN_ALLOWED_ORIGINS = [f"{_public.scheme}://{_public.netloc}"]
OTP_WEBAUTHN_HELPER_CLASS = "telemed.accounts.actions.passkeys.Ceremony"
ONE_TIME_CODE_MINUTES = 10
ONE_TIME_CODE_ATTEMPTS = 5

SESSION_ENGINE = "telemed.accounts.sessions"
# Automatic logoff, 45 CFR 164.312(a)(2)(iii): without a sign of the person, and at the latest.
SESSION_IDLE = {
    "staff": timedelta(minutes=env.whole("STAFF_IDLE_MINUTES", 15)),
    "patient": timedelta(minutes=env.whole("PATIENT_IDLE_MINUTES", 30)),
}
SESSION_WARNING_SECONDS = 120
SESSION_AGE = timedelta(hours=12)
SESSION_COOKIE_AGE = int(SESSION_AGE.total_seconds())
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
# Two checkouts on one machine share the host name "localhost", and cookies do not know ports.
_cookie = "__Host-{}" if PRODUCTION else f"{{}}_{_public.port or 80}"
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME, LANGUAGE_COOKIE_NAME = (
    _cookie.format(name) for name in ("sessionid", "csrftoken", "language")
)
ZONE_COOKIE_NAME, OWNER_COOKIE_NAME, KNOWN_COOKIE_NAME = (_cookie.format(name) for name in ("zone", "owner", "known"))
KNOWN_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_SECURE = PRODUCTION
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "telemed.portals.errors.stale_form"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# --- headers ----------------------------------------------------------------------------------------------------------
SECURE_SSL_REDIRECT = PRODUCTION
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_HSTS_SECONDS = 2 * 365 * 24 * 3600 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = PRODUCTION
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [NONCE],
        "style-src": [NONCE],
        "img-src": [SELF, "data:", "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF, *(f"{'wss' if _public.scheme == 'https' else 'ws'}://{host}{_port}" for host in _hosts)],
        "media-src": [SELF, "blob:"],
        "worker-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [
            SELF,
            "https://checkout.stripe.com",
            *([f"{_issuer.scheme}://{_issuer.netloc}"] if OIDC["issuer"] else []),
        ],
        "base-uri": [NONE],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
        **({"upgrade-insecure-requests": True} if PRODUCTION else {}),
    }
}

# --- words and hours --------------------------------------------------------------------------------------------------
USE_I18N = USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("es", "Español"), ("ar", "العربية")]
LOCALE_PATHS = [ROOT / "telemed" / "locale"]
# The clinic's first row is made from these; afterwards it is edited in the admin.
CLINIC = {
    "name": env.text("CLINIC_NAME", "Carepath"),
    "country": env.one_of("CLINIC_COUNTRY", "GB", get_global("territory_currencies"), "a country code like GB"),
    "time_zone": env.zone("CLINIC_TIME_ZONE", "Europe/London"),
    "currency": env.one_of("CLINIC_CURRENCY", "GBP", get_global("all_currencies"), "a currency code like GBP"),
    "emergency_number": env.text("CLINIC_EMERGENCY_NUMBER", "999"),
    "phone": env.text("CLINIC_PHONE", "+442079460000"),
    "email": env.text("CLINIC_EMAIL", "hello@carepath.example"),
    "address": env.text("CLINIC_ADDRESS", "1 Elm Street, London"),
}

# --- files that everyone may see ----------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = LOCAL / "static"
STATICFILES_DIRS = [ROOT / "static"]
WHITENOISE_MAX_AGE = 3600

# --- work after the answer ----------------------------------------------------------------------------------------------
CELERY_BROKER_URL = env.text("CELERY_BROKER_URL", REDIS_URL.replace("unix://", "redis+socket://"))  # as Celery has it
env.url("CELERY_BROKER_URL", CELERY_BROKER_URL, {"redis", "rediss", "redis+socket"})
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_DEFAULT_QUEUE = "telemed"
CELERY_TASK_ALWAYS_EAGER = env.flag("TELEMED_EAGER") and TESTING
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_TIME_LIMIT = 540  # seconds; at visibility_timeout a second worker would be given what the first still has
DEAF_SECONDS = env.whole("DEAF_SECONDS", 60, least=5)
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 600,
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "max_retries": 1,
}
CELERY_TASK_PUBLISH_RETRY = False  # a lost wake-up is caught by the sweep; a page must not wait for the broker
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "telemed.core.tasks.sweep", "schedule": timedelta(seconds=env.whole("SWEEP_SECONDS", 10))},
    "outbox": {
        "task": "telemed.notifications.tasks.sweep",
        "schedule": timedelta(seconds=env.whole("SWEEP_SECONDS", 10)),
    },
    "remind": {"task": "consultations.tasks.remind", "schedule": timedelta(seconds=env.whole("REMIND_SECONDS", 30))},
    "tidy": {"task": "consultations.tasks.tidy", "schedule": timedelta(seconds=env.whole("TIDY_SECONDS", 30))},
    "backoffice": {"task": "adminops.tasks.tidy", "schedule": timedelta(seconds=env.whole("TIDY_SECONDS", 30))},
    "of-age": {"task": "patients.tasks.come_of_age", "schedule": timedelta(hours=1)},
    "requests": {
        "task": "patients.tasks.watch_requests",
        "schedule": timedelta(seconds=env.whole("CALENDAR_SECONDS", 900)),
    },
    "deadlines": {"task": "adminops.tasks.look_at_deadlines", "schedule": timedelta(hours=6)},
    "end-of-time": {"task": "patients.tasks.end_of_time", "schedule": timedelta(hours=1)},
    "refunds": {"task": "billing.tasks.sweep", "schedule": timedelta(seconds=env.whole("SWEEP_SECONDS", 10) * 3)},
    "exports": {
        "task": "telemed.records.tasks.forget_stale",
        "schedule": timedelta(seconds=env.whole("CALENDAR_SECONDS", 900)),
    },
    "licences": {
        "task": "doctors.tasks.look_at_licences",
        "schedule": timedelta(seconds=env.whole("CALENDAR_SECONDS", 900)),
    },
    "pictures": {
        "task": "telemed.accounts.tasks.forget_pictures",
        "schedule": timedelta(seconds=env.whole("CALENDAR_SECONDS", 900)),
    },
    "sessions": {
        "task": "telemed.accounts.tasks.end_idle",
        "schedule": timedelta(seconds=env.whole("SWEEP_SECONDS", 10)),
    },
    "seal": {
        "task": "telemed.core.tasks.seal",
        "schedule": timedelta(seconds=env.whole("SEAL_SECONDS", 1)),
        "options": {"expires": 5},
    },
    "head": {"task": "adminops.tasks.mail_head", "schedule": timedelta(hours=1)},
    "heartbeat": {"task": "telemed.core.tasks.heartbeat", "schedule": timedelta(seconds=5)},
}

# --- the outside world --------------------------------------------------------------------------------------------------
EMAIL_URL = env.needed(
    "EMAIL_URL", what="the mail server, like smtp+tls://user:password@host:587", demo="outbox://", production=PRODUCTION
)
if (
    env.url("EMAIL_URL", EMAIL_URL, {"smtp", "smtps", "smtp+tls", "smtp+ssl"} | ({"outbox"} if DEMO else set())).scheme
    != "outbox"
):
    vars().update(env.env.email_url_config(EMAIL_URL))
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", CLINIC["email"])
if "@" not in parseaddr(DEFAULT_FROM_EMAIL)[1]:
    env.refuse(f"EMAIL_FROM={DEFAULT_FROM_EMAIL!r} is not an address like Clinic <hello@clinic.example>.")
TWILIO = {
    "account_sid": env.text("TWILIO_ACCOUNT_SID"),
    "auth_token": env.text("TWILIO_AUTH_TOKEN"),
    "sender": env.text("TWILIO_FROM"),
    "base_url": env.text("TWILIO_BASE_URL"),
}
if any(TWILIO[part] for part in ("account_sid", "auth_token", "sender")) and not all(
    TWILIO[part] for part in ("account_sid", "auth_token", "sender")
):
    env.refuse("TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and TWILIO_FROM go together; set all three or none.")
STRIPE = {
    "secret_key": env.needed(
        "STRIPE_SECRET_KEY", what="the secret key of the Stripe account", demo="", production=PRODUCTION
    ),
    "webhook_secret": env.needed(
        "STRIPE_WEBHOOK_SECRET",
        what="the signing secret of the Stripe webhook",
        demo="whsec_demo_" + "0" * 24,
        production=PRODUCTION,
    ),
    "api_base": env.text("STRIPE_API_BASE"),
}
for _name, _base in (("TWILIO_BASE_URL", TWILIO["base_url"]), ("STRIPE_API_BASE", STRIPE["api_base"])):
    if _base:
        env.url(_name, _base, {"http", "https"})
if PRODUCTION and not re.match("[sr]k_(live|test)_.", STRIPE["secret_key"]):
    env.refuse("STRIPE_SECRET_KEY is not a secret key of Stripe: it begins with sk_live_ or rk_live_.")
if PRODUCTION and not STRIPE["webhook_secret"].startswith("whsec_"):
    env.refuse("STRIPE_WEBHOOK_SECRET is not the signing secret of a webhook: it begins with whsec_.")
if DEMO and re.match("[sr]k_live_", STRIPE["secret_key"]):
    env.refuse("demo mode is for this machine only: no live Stripe key may be set as STRIPE_SECRET_KEY.")
if PRODUCTION and STRIPE["webhook_secret"].startswith("whsec_demo_"):
    env.refuse("STRIPE_WEBHOOK_SECRET is the one of demo mode, which everybody knows.")
if PRODUCTION and re.match("[sr]k_test_", STRIPE["secret_key"]) and not STRIPE["api_base"]:
    env.refuse(
        "STRIPE_SECRET_KEY is a test key, so nobody would really pay. For a rehearsal set STRIPE_API_BASE as well."
    )
TURN: dict[str, Any] = {
    "urls": env.names("TURN_URLS"),
    "secret": env.text("TURN_SECRET"),
    "ttl": env.whole("TURN_TTL", 3600),
}
if bool(TURN["urls"]) != bool(TURN["secret"]):
    env.refuse("TURN_URLS and TURN_SECRET go together; set both or none.")
for _turn in TURN["urls"]:
    if not re.match(r"(turn|stun)s?:[^/:]", _turn):
        env.refuse(f"TURN_URLS: {_turn!r} must be like turn:turn.example:3478 or turns:turn.example:5349.")
SIGNING = {
    "key": Path(
        env.needed(
            "SIGNING_KEY",
            what="the PEM file of the key that signs prescriptions",
            demo=str(LOCAL / "keys" / "signing.pem"),
            production=PRODUCTION,
        )
    ),
    "certificate": Path(
        env.needed(
            "SIGNING_CERTIFICATE",
            what="the PEM file of the certificate that signs prescriptions",
            demo=str(LOCAL / "keys" / "signing.crt"),
            production=PRODUCTION,
        )
    ),
}

# --- rules of the house -------------------------------------------------------------------------------------------------
HOLD_MINUTES = env.whole("HOLD_MINUTES", 10)
HOLD_EXTENSIONS = 3
REMINDER_MINUTES = env.minutes("REMINDER_MINUTES", [1440, 15])
FREE_CANCEL_HOURS = env.whole("FREE_CANCEL_HOURS", 2, least=0)
PRESCRIPTION_VALID_DAYS = env.whole("PRESCRIPTION_VALID_DAYS", 180)
# An identity provider that speaks OpenID Connect for Identity Assurance; without one, level 2 is not offered.
EKYC: dict[str, Any] = {
    "issuer": env.text("EKYC_ISSUER").rstrip("/"),
    "client_id": env.text("EKYC_CLIENT_ID"),
    "client_secret": env.text("EKYC_CLIENT_SECRET"),
    "frameworks": env.names("EKYC_FRAMEWORKS"),
}
if any(EKYC.values()) and not all(EKYC.values()):
    env.refuse("EKYC_ISSUER, EKYC_CLIENT_ID, EKYC_CLIENT_SECRET and EKYC_FRAMEWORKS go together; set all four or none.")
if EKYC["issuer"]:
    env.url("EKYC_ISSUER", EKYC["issuer"], {"https"} if PRODUCTION else {"http", "https"})
# How well we must know who a patient is before something is done for them: 0 the address is proved, 1 staff compared a
# document and a face, 2 an identity provider vouches.
IDENTITY_LEVEL_PRESCRIBING = env.whole("IDENTITY_LEVEL_PRESCRIBING", 0, least=0)
if IDENTITY_LEVEL_PRESCRIBING > 2:
    env.refuse("IDENTITY_LEVEL_PRESCRIBING must be 0, 1 or 2.")
ROOM = {
    "open_before_minutes": 15,
    "close_after_minutes": 30,
    "grace_seconds": env.whole("ROOM_GRACE_SECONDS", 60),
    "beat_seconds": env.whole("ROOM_BEAT_SECONDS", 10),
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "EXCEPTION_HANDLER": "telemed.core.problems.answer",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}

DEFAULT_EXCEPTION_REPORTER = "telemed.core.logs.Report"
DEFAULT_EXCEPTION_REPORTER_FILTER = "telemed.core.logs.Hidden"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "telemed.core.logs.Line", "format": "%(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {
        "handlers": ["console"],
        "level": env.one_of("LOG_LEVEL", "WARNING", getLevelNamesMapping(), "a level like WARNING"),
    },
    "loggers": {
        "telemed": {"level": "INFO"},
        "django": {"handlers": [], "level": "WARNING"},  # Django's own would mail errors
        # What a person got wrong is answered on the page, and a URL may hold a key to something private.
        "django.request": {"level": "ERROR"},
        "django.security.DisallowedHost": {"level": "ERROR"},
        # A traceback every second while Redis is away; telemed.realtime says in one line that it is.
        "channels_redis.pubsub": {"level": "CRITICAL"},
    },
}

# --- demo mode is for this machine only -----------------------------------------------------------------------------------
if DEMO:
    for _name, _value in {
        "PUBLIC_URL": PUBLIC_URL,
        "DATABASE_URL": DATABASE_URL,
        "REDIS_URL": REDIS_URL,
        "CELERY_BROKER_URL": CELERY_BROKER_URL,
        "EMAIL_URL": EMAIL_URL,
        "STORAGE_URL": STORAGE_URL,
        "TOMBSTONES_URL": TOMBSTONES_URL,
        "KMS_URL": KMS_URL,
        "TWILIO_ACCOUNT_SID": (TWILIO["base_url"] or "https://api.twilio.com") if TWILIO["account_sid"] else "",
    }.items():
        env.on_this_machine(_name, _value)
    for _key_url in KMS_OLD_URLS:
        env.on_this_machine("KMS_OLD_URLS", _key_url)
