"""A small project's settings; what errnorm wants of them stands at the end."""

# pyright: reportConstantRedefinition=none
import os
from pathlib import Path

from django.utils.translation import gettext_lazy as _

SECRET_KEY = "an example's"
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.serving.wsgi"
USE_TZ = True
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [Path(__file__).parent / "locale"]
INSTALLED_APPS = []
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
]
LOGGING = {
    "version": 1,
    "formatters": {"line": {"format": "{name} {levelname} {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {"errnorm": {"handlers": ["console"], "level": "INFO"}},
}

# where the translations are ordered: the vendor, or examples/fake_vendor.py
LIONBRIDGE_URL = os.environ.get("LIONBRIDGE_URL", "https://ondemand.lionbridge.com")

INSTALLED_APPS += ["errnorm.django"]  # the system checks
MIDDLEWARE += ["errnorm.django.ErrorNormalizationMiddleware"]  # last: innermost
ERRNORM = {
    "VENDORS": {"lionbridge": {"messages": {"304": _("That language pair is not on offer.")}}},
    "SUPPORT_URL": "https://shop.example/help",
}
