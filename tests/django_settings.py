"""The least that Django needs; a test that wants more says so with the fixture `settings`."""

SECRET_KEY = "tests"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "tests.django_settings"
USE_TZ = True
INSTALLED_APPS = ["errnorm.django"]
MIDDLEWARE = ["errnorm.django.ErrorNormalizationMiddleware"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}

urlpatterns: list[object] = []
