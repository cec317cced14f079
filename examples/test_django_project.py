"""The Django project, really served, answers every failure of a vendor in the same way, sync and async."""

import gettext
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from fake_vendor import FakeVendor
from serving import Served, free_port, served

pytest.importorskip("django")
pytest.importorskip("httpx")

PROJECT = Path(__file__).parent / "django_project"
SERVERS = {
    "wsgi": ("manage.py", "runserver", "--noreload", "127.0.0.1:PORT"),
    "asgi": ("-m", "uvicorn", "--port", "PORT", "--log-level", "warning", "shop.serving:asgi"),
}
REFUSED = "quote=reason-code-304-under-quoteauthorization"


@pytest.fixture(scope="module")
def vendor():
    with FakeVendor() as vendor:
        yield vendor


def serve(server: str, lionbridge: str):
    if server == "asgi":
        pytest.importorskip("uvicorn")
    settings = {"DJANGO_SETTINGS_MODULE": "shop.settings", "PYTHONUNBUFFERED": "1"}
    return served(*SERVERS[server], cwd=PROJECT, LIONBRIDGE_URL=lionbridge, **settings)


@pytest.fixture(scope="module", params=SERVERS)
def shop(request, vendor):
    with serve(request.param, f"{vendor.url}/lionbridge") as shop:
        yield shop


@pytest.mark.parametrize("orders", ["/orders", "/async-orders"])
class TestOrders:
    def test_one_that_goes_through(self, shop: Served, orders):
        answer = shop.ask("POST", orders, "quote=ok")
        assert (answer.status, json.loads(answer.body)) == (200, {"quote": "ok", "state": "ordered"})

    @pytest.mark.parametrize(
        ("accept_language", "language", "detail"),
        [
            ("en", "en", "That language pair is not on offer."),
            ("de-AT,de;q=0.9", "de", "Dieses Sprachpaar wird nicht angeboten."),
        ],
    )
    def test_one_that_is_refused_in_the_words_of_the_app(self, shop: Served, orders, accept_language, language, detail):
        answer = shop.ask("POST", orders, REFUSED, Accept_Language=accept_language)
        problem = json.loads(answer.body)
        assert answer.status == problem["status"] == 409
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.headers["Content-Language"] == language
        assert (problem["code"], problem["detail"]) == ("language_pair_not_offered", detail)
        assert "errnorm INFO lionbridge LANGUAGE_PAIR_NOT_OFFERED 409" in shop.log

    def test_one_that_is_our_mistake_looks_like_any_other_to_the_user(self, shop: Served, orders):
        answer = shop.ask("POST", orders, "quote=reason-code-201-under-quote")
        problem = json.loads(answer.body)
        assert (answer.status, problem["code"]) == (500, "service_error")
        assert "MALFORMED" not in answer.body.decode().upper()
        assert "errnorm ERROR lionbridge MALFORMED_INPUT 400" in shop.log

    def test_a_connection_that_breaks_off(self, shop: Served, orders):
        answer = shop.ask("POST", orders, "quote=reset")
        assert (answer.status, json.loads(answer.body)["code"]) == (502, "service_unavailable")


def test_the_page_that_a_browser_gets(shop: Served):
    answer = shop.ask("POST", "/orders", REFUSED, Accept="text/html")
    assert answer.headers.get_content_type() == "text/html"
    assert "That language pair is not on offer." in answer.body.decode()
    assert "https://shop.example/help" in answer.body.decode()


def test_a_mistake_of_our_own_stays_djangos(shop: Served):
    answer = shop.ask("GET", "/bug")
    assert (answer.status, answer.headers.get_content_type()) == (500, "text/html")


def test_an_answer_that_never_comes(shop: Served):
    answer = shop.ask("POST", "/orders", "quote=stall")
    assert (answer.status, json.loads(answer.body)["code"]) == (504, "service_unavailable")


@pytest.mark.parametrize("server", SERVERS)
def test_a_connection_failure_climbs_by_itself(server):
    with serve(server, f"http://127.0.0.1:{free_port()}") as shop:
        answer = shop.ask("GET", "/services")
        problem = json.loads(answer.body)
        assert (answer.status, problem["code"]) == (502, "service_unavailable")
        assert re.search(r"errnorm WARNING \S+ CONNECT", shop.log)


def test_manage_py_check_finds_nothing_wrong():
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "shop.settings"}
    command = [sys.executable, PROJECT / "manage.py", "check", "--fail-level", "WARNING"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_compiled_catalogue_is_that_of_the_source():
    folder = PROJECT / "shop" / "locale" / "de" / "LC_MESSAGES"
    pairs = re.findall(
        r'^msgid "(.+)"\nmsgstr "(.+)"$', (folder / "django.po").read_text(encoding="utf-8"), re.MULTILINE
    )
    with (folder / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    assert pairs
    assert [compiled.gettext(said) for said, _ in pairs] == [meant for _, meant in pairs]
