"""In FastAPI the same answers, refused input field by field, and an OpenAPI document that tells of just what can be."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest

pytest.importorskip("fastapi")

from fastapi import APIRouter, Body, Depends, FastAPI, Header, HTTPException, Path, Query, WebSocket
from fastapi.exceptions import RequestValidationError, ResponseValidationError
from fastapi.responses import PlainTextResponse, StreamingResponse
from fastapi.security import HTTPBasic
from pydantic import BaseModel, create_model, field_validator
from starlette.middleware.cors import CORSMiddleware

from errnorm import Normalizer, UnknownVendorError, VendorError
from errnorm.fastapi import ErrorNormalizationMiddleware, exempt, install, responses
from errnorm.samples import built_in_files, samples_of
from errnorm.telling.own import own_problem
from tests.asgi_driver import ask, exchange, http_scope
from tests.failures import OCCURRENCE, bare, lionbridge

PROBLEM_JSON = "application/problem+json"


@pytest.fixture(autouse=True)
def every_level(caplog):
    caplog.set_level(logging.DEBUG, "errnorm")


def ours(caplog):
    return [record for record in caplog.records if record.name == "errnorm"]


def installed(**settings):
    app = FastAPI()
    install(app, **settings)
    return app


def ask_json(app, path, value=None, headers=None, method="POST", query=""):
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    scope = http_scope(method, path, {"Content-Type": "application/json", **(headers or {})})
    return asyncio.run(exchange(app, scope | {"query_string": query.encode()}, body))


# --- answers ---


class Item(BaseModel):
    name: str
    number: int = 0

    @field_validator("name")
    @classmethod
    def fits(cls, name: str) -> str:
        if name == "x":
            raise ValueError("Choose a longer name.")
        return name


class Order(BaseModel):
    items: list[Item]
    labels: dict[str, int] = {}


def add_orders(app):
    @app.post("/orders/{number}")
    async def order(
        order: Order, number: int = Path(), page: int = Query(1), x_token: str = Header("")
    ) -> dict[str, bool]:
        return {"well": True}

    @app.post("/both")
    async def both(item: Item, more: Item = Body()) -> None: ...  # noqa: B008


@pytest.mark.parametrize(
    ("path", "query", "value", "pointers"),
    [
        ("/orders/1", "", {"items": [{"name": "a"}, {}]}, ["#/items/1/name"]),
        ("/orders/1", "", {"items": [{"name": "a", "number": "b"}], "labels": {"a/b ~": "c"}}, None),
        ("/orders/1", "", {}, ["#/items"]),
        ("/orders/1", "", [], ["#"]),
        ("/orders/1", "", b"{not json", ["#"]),
        ("/orders/one", "page=two", {"items": []}, ["#/path/number", "#/query/page"]),
        ("/both", "", {"item": {"name": "a"}, "more": {"name": 1}}, ["#/more/name"]),
    ],
)
@pytest.mark.parametrize("language", ["en", "de"])
def test_input_that_was_refused_is_told_field_by_field(path, query, value, pointers, language):
    app = installed(handle="all")
    add_orders(app)
    told = ask_json(app, path, value, {"Accept-Language": language}, query=query)
    problem = json.loads(told.body)
    assert (told.status, problem["code"], told.header("Content-Type")) == (422, "unprocessable_content", PROBLEM_JSON)
    assert problem["detail"] == own_problem(422, OCCURRENCE, language=language).detail
    expected = pointers or ["#/items/0/number", "#/labels/a~1b%20~0"]
    assert [error["pointer"] for error in problem["errors"]] == expected
    for error in problem["errors"]:
        assert error["detail"]
        assert error["detail"].isascii() or language == "de"
    assert ("Field required" in told.body.decode()) <= (language == "en")


@pytest.mark.parametrize("language", ["en", "de"])
def test_what_an_apps_own_validator_says_is_told_in_its_words(language):
    app = installed(handle="all")
    add_orders(app)
    told = ask_json(app, "/orders/1", {"items": [{"name": "x"}]}, {"Accept-Language": language})
    assert json.loads(told.body)["errors"] == [{"pointer": "#/items/0/name", "detail": "Choose a longer name."}]


def test_input_is_never_told_back_but_to_who_sent_it(caplog):
    app = installed(handle="all")
    add_orders(app)
    told = ask_json(app, "/orders/1", {"items": [{"name": "a", "number": "canary-4242"}]})
    assert "canary" not in told.body.decode()
    assert not ours(caplog)


@pytest.mark.parametrize("settings", [{}, {"handle": "all", "exempt": ("/orders",)}])
def test_by_default_and_where_it_is_exempt_fastapis_answers_stay(settings):
    app, bare_app = installed(**settings), FastAPI()
    for each in (app, bare_app):
        add_orders(each)
    for path, value in (("/orders/1", {}), ("/orders/x", {"items": []})):
        assert ask_json(app, path, value) == ask_json(bare_app, path, value)


@pytest.mark.parametrize("handle", ["vendor", "all"])
def test_a_response_that_is_not_as_promised_is_a_bug(handle, caplog):
    app = installed(handle=handle)

    @app.get("/")
    async def wrong() -> Item:
        return {"number": "secret-4242"}  # type: ignore[return-value]

    told = ask(app)
    assert isinstance(told.raised, ResponseValidationError)
    assert told.status == 500
    assert (told.header("Content-Type") == PROBLEM_JSON) == (handle == "all")
    assert b"secret" not in told.body
    assert len(ours(caplog)) == (handle == "all")


@pytest.mark.parametrize(
    ("detail", "shown", "code"),
    [
        ("No seat left.", "No seat left.", "conflict"),
        ({"code": "no_seat", "message": "No seat left."}, "No seat left.", "no_seat"),
        ({"seats": 0}, None, "conflict"),
        ([1, 2], None, "conflict"),
        (None, None, "conflict"),
    ],
)
def test_an_exception_of_fastapis_with_any_detail(detail, shown, code):
    app = installed(handle="all")

    @app.get("/")
    async def refuse():
        raise HTTPException(409, detail, {"X-Own": "1"})

    told = ask(app)
    problem = json.loads(told.body)
    assert (told.status, problem["code"], told.header("X-Own")) == (409, code, "1")
    assert problem["detail"] == (shown or own_problem(409, OCCURRENCE).detail)


def test_who_is_not_signed_in_is_told_in_our_words_and_asked_as_fastapi_asks():
    app = installed(handle="all")

    @app.get("/", dependencies=[Depends(HTTPBasic())])
    async def inside(): ...

    told = ask(app, headers={"Accept-Language": "de"})
    assert (told.status, told.header("WWW-Authenticate")) == (401, "Basic")
    assert json.loads(told.body)["detail"] == own_problem(401, OCCURRENCE, language="de").detail


def failing():
    raise VendorError(lionbridge(304))


@pytest.mark.parametrize("within", ["route", "dependency", "router", "sync", "mounted"])
def test_a_vendors_failure_is_answered_wherever_it_comes_from(within, caplog):
    app, inner = installed(), installed()
    router = APIRouter(prefix="/router")

    @app.get("/route")
    @router.get("/")
    async def route():
        failing()

    @app.get("/dependency", dependencies=[Depends(failing)])
    async def dependency(): ...

    @app.get("/sync")
    @inner.get("/")
    def sync():
        failing()

    app.include_router(router)
    app.mount("/mounted", inner)
    path = {"router": "/router/", "mounted": "/mounted/"}.get(within, f"/{within}")
    told = ask(app, path=path)
    assert (told.status, told.raised) == (409, None)
    assert len(ours(caplog)) == 1


@pytest.mark.parametrize("swallowed", [False, True])
def test_dependencies_with_yield_see_the_failure_and_are_cleaned_up(swallowed, caplog):
    app, seen = installed(), []

    async def session():
        try:
            yield 1
        except VendorError as error:
            seen.append(error.error.vendor_code)
            if swallowed:
                raise HTTPException(418) from error
            raise
        finally:
            seen.append("closed")

    @app.get("/")
    async def route(session: int = Depends(session)):
        failing()

    assert ask(app).status == (418 if swallowed else 409)
    assert seen == ["304", "closed"]
    assert len(ours(caplog)) == (not swallowed)


def test_a_dependency_that_fails_after_the_answer_leaves_it_alone(caplog):
    app = installed(handle="all")

    async def session():
        yield 1
        raise VendorError(bare(503))

    @app.get("/")
    async def route(session: int = Depends(session)):
        return PlainTextResponse("well")

    told = ask(app)
    assert (told.status, told.body) == (200, b"well")
    assert told.raised is not None
    assert len(ours(caplog)) == 1


def test_a_stream_that_breaks_off_stays_broken(caplog):
    app = installed(handle="all")

    @app.get("/")
    async def route():
        async def stream():
            yield b"a"
            failing()

        return StreamingResponse(stream())

    told = ask(app)
    assert (told.status, told.body) == (200, b"a")
    assert [record.errnorm_truncated for record in ours(caplog)] == [True]


@pytest.mark.parametrize("handle", ["vendor", "all"])
def test_a_websockets_refused_input_stays_fastapis(handle):
    async def run():
        messages = iter([{"type": "websocket.connect"}])

        async def receive():
            return next(messages)

        async def send(message):
            sent.append(message)

        scope = http_scope(path="/ws/x") | {"type": "websocket", "subprotocols": [], "extensions": {}}
        await app(scope, receive, send)

    app, sent = installed(handle=handle), []

    @app.websocket("/ws/{number}")
    async def endpoint(websocket: WebSocket, number: int): ...

    asyncio.run(run())
    assert [message["code"] for message in sent] == [1008]


@pytest.mark.parametrize("error", [VendorError(lionbridge(304)), ValueError("a bug"), HTTPException(404)])
def test_cors_headers_are_kept(error):
    app = installed(handle="all")
    app.add_middleware(CORSMiddleware, allow_origins=["*"])

    @app.get("/")
    async def route():
        raise error

    told = ask(app, headers={"Origin": "https://app.example"})
    assert told.header("Content-Type") == PROBLEM_JSON
    assert told.header("Access-Control-Allow-Origin") == "*"


def test_an_endpoint_may_be_exempt():
    app, router = installed(handle="all"), APIRouter()

    @router.get("/")
    @exempt
    async def route(number: int):
        return number

    app.include_router(router, prefix="/own")
    assert "detail" in json.loads(ask(app, path="/own/").body)
    assert "code" not in json.loads(ask(app, path="/own/").body)


def test_installing_is_done_once_before_the_first_request_and_leaves_handlers_of_the_apps_own():
    app = FastAPI()
    app.add_exception_handler(HTTPException, mine := lambda request, raised: PlainTextResponse("mine", 404))
    app.add_exception_handler(RequestValidationError, mine)
    for _ in range(2):
        install(app, handle="all")
    app.add_middleware(CORSMiddleware)
    assert [each.cls for each in app.user_middleware] == [CORSMiddleware, ErrorNormalizationMiddleware]
    assert app.exception_handlers[RequestValidationError] is app.exception_handlers[HTTPException] is mine
    assert ask(app, path="/docs").status == 200
    with pytest.raises(RuntimeError, match="before the app serves its first request"):
        _late()


def _late():
    app = FastAPI()
    ask(app, path="/docs")
    install(app)


# --- OpenAPI ---


@pytest.fixture(scope="module")
def first_four():
    return {name: responses(name) for name in ("lionbridge", "phrase-tms", "risumail", "stripe")}


def test_each_answer_to_each_sample_of_every_vendor_is_documented():
    normalizer = Normalizer()
    unknown = []
    for vendor, file in built_in_files().items():
        told = responses(vendor)
        for sample in samples_of(file):
            problem = normalizer.problem_for(sample.read(normalizer.parse, vendor))
            examples = told.get(problem.status, {}).get("content", {}).get(PROBLEM_JSON, {}).get("examples", {})
            if problem.code not in examples:
                unknown.append((vendor, sample.title, problem.status, problem.code))
    assert not unknown


def test_nothing_is_documented_that_cannot_be(first_four):
    assert set(responses()) == {500, 502, 503, 504}
    for vendor, told in first_four.items():
        for status, response in told.items():
            for code, example in response["content"][PROBLEM_JSON]["examples"].items():
                assert example["value"]["status"] == status
                assert example["value"]["code"] == code
                assert vendor not in json.dumps(example)
    assert 422 in first_four["lionbridge"]
    assert {401, 403} & set().union(*first_four.values()) == set()


def test_an_operation_of_a_vendor_has_only_its_own():
    everything, one = responses("risumail"), responses("risumail", operation="verify-otp")
    other = responses("risumail", operation="no-such-operation")
    codes = [
        {code for response in told.values() for code in response["content"][PROBLEM_JSON]["examples"]}
        for told in (everything, one, other)
    ]
    assert codes[2] < codes[1] <= codes[0]


def test_an_apps_own_settings_count():
    told = responses("lionbridge", vendors={"lionbridge": {"statuses": {"304": 418}}}, gateway_statuses="503")
    assert list(told[418]["content"][PROBLEM_JSON]["examples"]) == ["language_pair_not_offered"]
    assert not {502, 504} & set(told)
    several = responses(["lionbridge", "stripe"], normalizer=Normalizer())
    assert set(several) == set(responses("lionbridge")) | set(responses("stripe"))
    with pytest.raises(UnknownVendorError, match="did you mean 'stripe'"):
        responses("stripes")


def documented(**settings):
    app = FastAPI()
    install(app, **settings)

    @app.post("/quotes", responses=responses("lionbridge"))
    async def quote(order: Order) -> Item: ...

    @app.post("/pay/{number}", responses=responses("stripe"), response_class=PlainTextResponse)
    async def pay(number: int): ...

    @app.get("/plain/{number}")
    async def plain(number: int) -> Item: ...

    @app.get("/own", responses={404: {"model": Item}})
    async def own() -> None: ...

    return app


@pytest.mark.parametrize("handle", ["vendor", "all"])
def test_the_document_holds_one_schema_of_a_problem_and_refers_to_it_wherever_there_is_one(handle):
    validating = pytest.importorskip("openapi_spec_validator")
    jsonschema = pytest.importorskip("jsonschema")
    app = documented(handle=handle)
    document = app.openapi()
    validating.validate(document)
    assert app.openapi() is document
    schemas = document["components"]["schemas"]
    assert [name for name in schemas if "Problem" in name] == ["Problem"]
    assert ("HTTPValidationError" in schemas) == (handle == "vendor")
    for path in ("/quotes", "/pay/{number}"):
        [operation] = document["paths"][path].values()
        for status, response in operation["responses"].items():
            if status != "200":
                content = response["content"]
                assert list(content) == [PROBLEM_JSON] or (handle == "vendor" and status == "422"), (path, status)
                if PROBLEM_JSON in content:
                    assert content[PROBLEM_JSON]["schema"] == {"$ref": "#/components/schemas/Problem"}
                    for example in content[PROBLEM_JSON].get("examples", {}).values():
                        jsonschema.validate(example["value"], schemas["Problem"])
    refused = document["paths"]["/plain/{number}"]["get"]["responses"]["422"]["content"]
    assert list(refused) == ([PROBLEM_JSON] if handle == "all" else ["application/json"])
    assert list(document["paths"]["/own"]["get"]["responses"]["404"]["content"]) == ["application/json"]


def test_an_answer_is_as_the_document_says():
    jsonschema = pytest.importorskip("jsonschema")
    app = documented(handle="all")
    schema = app.openapi()["components"]["schemas"]["Problem"]
    for told in (ask_json(app, "/quotes", {}), ask(app, path="/nowhere"), ask_json(app, "/pay/x", {})):
        jsonschema.validate(json.loads(told.body), schema)


def test_an_app_with_a_problem_of_its_own_keeps_it():
    own = create_model("Problem", mine=(int, ...))
    validating = pytest.importorskip("openapi_spec_validator")
    for given in ({}, {"responses": responses()}):
        app = installed(handle="all")

        @app.get("/mine/{number}", response_model=own, **given)
        async def mine(number: int): ...

        document = app.openapi()
        validating.validate(document)
        answers = document["paths"]["/mine/{number}"]["get"]["responses"]
        names = {
            status: answers[status]["content"][media]["schema"]["$ref"].rpartition("/")[2]
            for status, media in (("200", "application/json"), ("422", PROBLEM_JSON))
        }
        assert names["200"] != names["422"]
        assert "mine" in document["components"]["schemas"][names["200"]]["properties"]
        assert "instance" in document["components"]["schemas"][names["422"]]["properties"]


def test_without_the_door_the_document_still_holds_together():
    validating = pytest.importorskip("openapi_spec_validator")
    app = FastAPI()

    @app.get("/", responses=responses("stripe"))
    async def route() -> None: ...

    validating.validate(app.openapi())
