"""ERRNORM is read as Django reads settings, and `check` says what is off in it before a request finds out."""

from __future__ import annotations

import pytest

pytest.importorskip("django")

from django.apps import apps
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.http import HttpResponse
from django.test import Client
from django.utils.translation import gettext_lazy

from errnorm import Normalizer, VendorError
from errnorm.django import ErrorNormalizationMiddleware
from tests.django_app import OURS
from tests.failures import lionbridge

ELSE = "django.middleware.common.CommonMiddleware"
REFUSED = lionbridge(304)
both = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


def raises(error):
    def view(request):
        raise error

    return view


def found():
    return {message.id: message for message in run_checks() if str(message.id).startswith("errnorm.")}


def test_the_app_bears_its_name():
    config = apps.get_app_config("errnorm")
    assert (config.name, config.label) == ("errnorm.django", "errnorm")


def test_all_is_well(settings):
    settings.MIDDLEWARE, settings.ERRNORM = [ELSE, OURS], {"CAP": 2048}
    assert found() == {}


@pytest.mark.parametrize(
    ("own", "told"),
    [
        ({"VENDORZ": {}}, "ERRNORM: no setting 'VENDORZ'; did you mean 'VENDORS'?"),
        ({"VENDORS": {"lionbrige": {}}}, "ERRNORM: vendors: no vendor 'lionbrige'; did you mean 'lionbridge'?"),
        (
            {"STATUSES": {"confict": 409}},
            "ERRNORM: statuses.confict: no such code, reason or family; did you mean 'conflict'",
        ),
        ({"VENDORS": ["x"]}, "ERRNORM: vendors: must be a dict, not ['x']"),
        (["x"], "ERRNORM: must be a dict, not list"),
        ({"SUPPORT_URL": "shop.example/help"}, "ERRNORM: support_url: must be as 'https://shop.example/help'"),
    ],
    ids=lambda value: None,
)
def test_e001_a_setting_is_off(own, told, settings):
    settings.MIDDLEWARE, settings.ERRNORM = [OURS], own
    assert found().keys() == {"errnorm.E001"}
    assert told in found()["errnorm.E001"].msg
    with pytest.raises(SystemCheckError, match=r"errnorm\.E001"):
        call_command("check")


def test_e001_a_profile_under_a_built_in_name(settings, own_profile):
    settings.MIDDLEWARE, settings.ERRNORM = [OURS], {"PATHS": [own_profile('name = "stripe"\nspeaks = ["xml"]\n')]}
    assert found().keys() == {"errnorm.E001"}
    assert "speaks: passed over: what extends 'stripe' may hold" in found()["errnorm.E001"].msg


def test_w001_the_middleware_is_missing(settings):
    settings.MIDDLEWARE = [ELSE]
    assert found().keys() == {"errnorm.W001"}
    assert OURS in found()["errnorm.W001"].hint


def test_w002_the_middleware_is_not_the_last(settings):
    settings.MIDDLEWARE = [OURS, ELSE]
    assert found().keys() == {"errnorm.W002"}


@pytest.mark.parametrize("door", ["wsgi", "asgi", "starlette", "fastapi"])
@pytest.mark.parametrize("beside", [[], [OURS]])
def test_e002_a_middleware_of_ours_for_something_else(door, beside, settings):
    settings.MIDDLEWARE = [ELSE, f"errnorm.{door}.ErrorNormalizationMiddleware", *beside]
    assert found().keys() == {"errnorm.E002"}
    assert f"errnorm.{door}.ErrorNormalizationMiddleware in MIDDLEWARE" in found()["errnorm.E002"].msg
    assert OURS in found()["errnorm.E002"].hint


def test_w006_the_middleware_is_there_twice(settings):
    settings.MIDDLEWARE = [OURS, ELSE, "errnorm.django.middleware.ErrorNormalizationMiddleware"]
    assert found().keys() == {"errnorm.W006"}
    assert "2 times" in found()["errnorm.W006"].msg


@pytest.mark.parametrize(
    "path", ["errnorm.django.middleware.ErrorNormalizationMiddleware", "tests.test_django_settings.Derived"]
)
def test_another_name_for_the_middleware_is_as_good(path, settings):
    settings.MIDDLEWARE = [ELSE, path]
    assert found() == {}
    settings.MIDDLEWARE = [path, ELSE]
    assert found().keys() == {"errnorm.W002"}


@both
def test_a_lazy_text_is_told_in_the_requests_language(ask, asynchronous, settings):
    settings.USE_I18N = True
    settings.MIDDLEWARE = ["django.middleware.locale.LocaleMiddleware", OURS]
    settings.ERRNORM = {"VENDORS": {"lionbridge": {"messages": {"304": gettext_lazy("Yes")}}}}
    for language, text in (("de", "Ja"), ("fr", "Oui"), ("en", "Yes"), ("de-AT,fr;q=0.5", "Ja")):
        told = ask(raises(VendorError(REFUSED)), asynchronous, accept_language=language)
        assert told.json()["detail"] == text
        assert told["Content-Language"] == language[:2]


@both
def test_a_text_by_language_follows_django(ask, asynchronous, settings):
    settings.LANGUAGE_CODE = "de"
    settings.ERRNORM = {"MESSAGES": {"conflict": {"de": "Nein.", "en": "No."}}}
    told = ask(
        raises(VendorError(REFUSED)), asynchronous, accept_language="en"
    )  # no LocaleMiddleware: the site is German
    assert (told.json()["detail"], told["Content-Language"]) == ("Nein.", "de")


def test_a_changed_setting_is_read_again(ask, settings):
    assert ask(raises(VendorError(REFUSED))).status_code == 409
    settings.ERRNORM = {"STATUSES": {"conflict": 422}}
    assert ask(raises(VendorError(REFUSED))).status_code == 422
    settings.ERRNORM = {}
    assert ask(raises(VendorError(REFUSED))).status_code == 409


@pytest.mark.parametrize(
    "own", [{"VENDORZ": {}}, {"CAP": 1}, [], None, {"vendors": {}}, {"VENDORS": {"lionbrige": {}}}]
)
def test_a_wrong_setting_stops_the_start(own, settings):
    settings.ERRNORM = own
    with pytest.raises(ImproperlyConfigured, match=r"^ERRNORM: \S.*\Z"):
        ErrorNormalizationMiddleware(lambda request: HttpResponse())
    with pytest.raises(ImproperlyConfigured):
        Client().get("/")


class Derived(ErrorNormalizationMiddleware):
    """An app's own."""


CSRF = "django.middleware.csrf.CsrfViewMiddleware"


def test_w003_what_csrf_refuses_is_still_djangos(settings):
    settings.MIDDLEWARE, settings.ERRNORM = [CSRF, OURS], {"HANDLE": "all"}
    assert found().keys() == {"errnorm.W003"}
    assert "errnorm.django.csrf_failure" in found()["errnorm.W003"].hint
    for own in ("errnorm.django.csrf_failure", "tests.django_app.urls_of"):
        settings.CSRF_FAILURE_VIEW = own
        assert found() == {}


def test_w003_only_where_it_matters(settings):
    settings.MIDDLEWARE, settings.ERRNORM = [CSRF, OURS], {}
    assert found() == {}
    settings.MIDDLEWARE, settings.ERRNORM = [OURS], {"HANDLE": "all"}
    assert found() == {}


def test_w004_templates_that_nothing_uses_any_more(settings, tmp_path):
    (tmp_path / "404.html").write_text("theirs")
    (tmp_path / "500.html").write_text("{% broken %}")
    settings.TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [str(tmp_path)]}]
    settings.ERRNORM = {"HANDLE": "all"}
    assert found().keys() == {"errnorm.W004"}
    assert "404.html, 500.html" in found()["errnorm.W004"].msg
    handlers = {"handler404": "django.views.defaults.page_not_found", "handler500": "errnorm.django.handler500"}
    settings.ROOT_URLCONF = type("Urls", (), {"urlpatterns": [], **handlers})
    assert found()["errnorm.W004"].msg.endswith(": 500.html.")
    settings.ERRNORM = {}
    assert found() == {}


@pytest.mark.parametrize(
    ("own", "address"),
    [
        ({"MESSAGES": {"conflict": {"de": "Nein."}}}, "MESSAGES.conflict"),
        (
            {"VENDORS": {"lionbridge": {"messages": {"304": {"de-AT": "Nein."}}}}},
            "VENDORS.lionbridge.messages.304: no text in en, de",
        ),
    ],
)
def test_w005_a_text_that_some_readers_do_not_get(own, address, settings):
    settings.ERRNORM = own
    assert found() == {}  # all the world's languages are Django's default, and nobody's wish
    settings.LANGUAGES = [("en", "English"), ("de", "Deutsch")]
    assert found().keys() == {"errnorm.W005"}
    assert address in found()["errnorm.W005"].msg
    settings.USE_I18N = False
    assert found() == {}


def test_w005_a_file_of_texts_too(settings, tmp_path):
    file = tmp_path / "texts.toml"
    file.write_text('conflict = {de = "Nein."}\n[vendors.lionbridge]\n304 = {en = "No.", de = "Nein."}\n')
    settings.LANGUAGES, settings.ERRNORM = [("en", "English"), ("de-ch", "Deutsch")], {"MESSAGES": str(file)}
    assert found()["errnorm.W005"].msg == "ERRNORM: MESSAGES.conflict: no text in en."


@pytest.mark.parametrize(
    ("own", "told"),
    [
        ({"TEMPLATE": "none.html"}, "ERRNORM: template: no template and no file 'none.html'"),
        ({"TEMPLATE": "broken.html"}, "ERRNORM: template: broken.html: "),
        ({"EXEMPT": "/admin/"}, "ERRNORM: exempt: must be a list of paths, not '/admin/'"),
        ({"EXEMPT": ["admin/"]}, "ERRNORM: exempt: a path begins with '/', unlike 'admin/'"),
    ],
    ids=lambda value: None,
)
def test_e001_a_page_or_a_path_that_is_none(own, told, settings, tmp_path):
    (tmp_path / "broken.html").write_text("{% broken %}")
    settings.TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [str(tmp_path)]}]
    settings.ERRNORM = own
    assert found()["errnorm.E001"].msg.startswith(told)


@pytest.mark.parametrize(
    ("start", "path", "exempt"),
    [
        ("/admin", "/admin", True),
        ("/admin", "/admin/x", True),
        ("/admin/", "/admin/x", True),
        ("/admin", "/administrators", False),
        ("/admin/", "/admin", False),
        ("/", "/anything", True),
        ("/admin", "/shop/admin", False),
    ],
)
def test_a_path_is_exempt_with_all_that_lies_below_it(start, path, exempt):
    assert Normalizer(exempt=[start]).exempts(path) is exempt
    assert not Normalizer().exempts(path)
