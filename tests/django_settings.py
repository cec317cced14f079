"""The least that Django needs; a test that wants more says so with the fixture `settings`."""

SECRET_KEY = "tests"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "tests.django_settings"
USE_TZ = True

urlpatterns: list[object] = []
