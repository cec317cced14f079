"""In Starlette a vendor's failure becomes an answer, and everything else passes as if we were not there."""

from __future__ import annotations

import asyncio
import http.client
import json
import logging

import pytest

pytest.importorskip("starlette")

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.exceptions import HTTPException, WebSocketException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute

from errnorm import Normalizer, SettingsError, VendorError
from errnorm.reading.outcomes import OUTCOMES
from errnorm.starlette import (
    ErrorNormalizationMiddleware,
    exception_handlers,
    exempt,
    install,
    problem_types,
)
from errnorm.telling.own import own_problem
from tests.asgi_driver import ask, exchange, http_scope
from tests.failures import OCCURRENCE, bare, lionbridge


@pytest.fixture(autouse=True)
def every_level(caplog):
    caplog.set_level(logging.DEBUG, "errnorm")


def in_middleware(app):
    return ErrorNormalizationMiddleware(app)


def in_handlers(app):
    return Starlette(routes=[Mount("/", app)], exception_handlers=exception_handlers())


both = pytest.mark.parametrize("door", [in_middleware, in_handlers])


def raises(error):
    async def app(scope, receive, send):
        raise error

    return app


def begins(error, body=b"half"):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body, "more_body": True})
        raise error

    return app


def ours(caplog):
    return [record for record in caplog.records if record.name == "errnorm"]


@both
def test_a_group_with_one_bug_in_it_rises_untouched(door, caplog):
    group = ExceptionGroup("mixed", [VendorError(bare(503)), ExceptionGroup("inner", [ValueError("a bug")])])
    told = ask(door(raises(group)))
    assert told.raised is group
    assert not ours(caplog)


@both
def test_the_gravest_of_a_group_leads_and_the_rest_are_its_others(door, caplog):
    errors = [VendorError(lionbridge(304)), VendorError(bare(401)), VendorError(bare(503))]
    told = ask(door(raises(ExceptionGroup("tasks", errors))))
    assert told.status == 500
    [record] = ours(caplog)
    assert record.errnorm_occurrence_id == errors[1].occurrence_id
    assert (
        sorted(record.errnorm_others) == ["generic UNAVAILABLE 503", "lionbridge LANGUAGE_PAIR_NOT_OFFERED 409"]
        or len(record.errnorm_others) == 2
    )


def test_a_task_group_is_answered_like_its_one_task():
    async def fail():
        raise VendorError(lionbridge(304))

    async def app(scope, receive, send):
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(fail())

    assert ask(in_middleware(app)).status == 409


def in_one_middleware(*routes, **settings):
    return Starlette(routes=routes, middleware=[Middleware(ErrorNormalizationMiddleware, **settings)])


def in_own_handlers(*routes, **settings):
    return Starlette(routes=routes, exception_handlers=exception_handlers(**settings))


def in_installed(*routes, **settings):
    app = Starlette(routes=routes)
    install(app, **settings)
    return app


everywhere = pytest.mark.parametrize("make", [in_one_middleware, in_own_handlers, in_installed])


def websocket(app, *received, extensions=()):
    """What a websocket's server gets, and what rises."""
    sent, waiting = [], iter([{"type": "websocket.connect"}, *received])

    async def receive():
        return next(waiting)

    async def send(message):
        sent.append(message)

    scope = http_scope() | {"type": "websocket", "subprotocols": [], "extensions": {each: {} for each in extensions}}
    try:
        asyncio.run(app(scope, receive, send))
    except Exception as error:  # noqa: BLE001 - the test looks at it
        return sent, error
    return sent, None


@everywhere
@pytest.mark.parametrize("accepts", [False, True])
def test_a_websocket_is_closed_with_a_reason(make, accepts, caplog):
    async def endpoint(websocket):
        if accepts:
            await websocket.accept()
        raise VendorError(bare(503))

    *before, close = websocket(make(WebSocketRoute("/", endpoint)))[0]
    [record] = ours(caplog)
    assert [message["type"] for message in before] == ["websocket.accept"] * accepts
    assert (close["code"], close["reason"]) == (1013, f"service_unavailable {record.errnorm_reference}")


@everywhere
def test_a_websockets_handshake_is_denied_with_the_whole_answer(make, caplog):
    async def endpoint(websocket):
        raise VendorError(lionbridge(304))

    sent, rose = websocket(make(WebSocketRoute("/", endpoint)), extensions=["websocket.http.response"])
    start, body = sent
    assert (rose, start["status"]) == (None, 409)
    assert json.loads(body["body"])["code"] == "language_pair_not_offered"
    assert len(ours(caplog)) == 1


@everywhere
@pytest.mark.parametrize("gone", [False, True])
def test_a_websocket_that_is_closed_is_not_closed_again(make, gone, caplog):
    async def endpoint(websocket):
        await websocket.accept()
        if gone:
            assert (await websocket.receive())["type"] == "websocket.disconnect"
        else:
            await websocket.close()
        raise error

    error = VendorError(bare(503))
    sent, rose = websocket(make(WebSocketRoute("/", endpoint)), {"type": "websocket.disconnect", "code": 1001})
    assert [message["type"] for message in sent] == ["websocket.accept"] + ["websocket.close"] * (not gone)
    assert rose is error
    assert len(ours(caplog)) == 1


@pytest.mark.parametrize("make", [in_one_middleware, in_installed])
def test_an_endpoint_that_is_a_class_closes_its_websocket_too(make):
    class Endpoint(WebSocketEndpoint):
        async def on_connect(self, websocket):
            await websocket.accept()
            raise VendorError(lionbridge(304))

    sent, _ = websocket(make(WebSocketRoute("/", Endpoint)))
    assert [message.get("code") for message in sent] == [None, 1011]


@everywhere
@pytest.mark.parametrize("handle", ["vendor", "all"])
def test_a_websocket_exception_stays_starlettes(make, handle):
    async def endpoint(websocket):
        await websocket.accept()
        raise WebSocketException(1008, "not you")

    sent, rose = websocket(make(WebSocketRoute("/", endpoint), handle=handle))
    assert (sent[-1]["code"], sent[-1]["reason"], rose) == (1008, "not you", None)


def test_healthy_responses_are_the_same_byte_for_byte():
    async def stream():
        for number in range(3):
            yield b"%d" % number

    routes = [
        Route("/plain", lambda request: PlainTextResponse("well", headers={"X-Own": "1"})),
        Route("/json", lambda request: JSONResponse({"a": 1}, 201)),
        Route("/stream", lambda request: StreamingResponse(stream())),
        Route("/missing", lambda request: PlainTextResponse("no", 404)),
    ]
    for path in ("/plain", "/json", "/stream", "/missing", "/nowhere"):
        app = Starlette(routes=routes)
        bare_, behind = ask(app, path=path), ask(in_middleware(app), path=path)
        assert behind == bare_


def test_frameworks_own_exceptions_are_untouched_by_default():
    def endpoint(request):
        raise HTTPException(418, "short and stout", headers={"X-Own": "1"})

    for kept in ({}, {"exception_handlers": exception_handlers()}):
        app = Starlette(routes=[Route("/", endpoint)], middleware=[Middleware(ErrorNormalizationMiddleware)], **kept)
        told = ask(app)
        assert (told.status, told.body, told.header("X-Own")) == (418, b"short and stout", "1")


def test_cors_headers_stay_when_we_are_inside():
    def endpoint(request):
        raise VendorError(lionbridge(304))

    middleware = [Middleware(CORSMiddleware, allow_origins=["*"]), Middleware(ErrorNormalizationMiddleware)]
    told = ask(
        Starlette(routes=[Route("/", endpoint)], middleware=middleware), headers={"Origin": "https://app.example"}
    )
    assert (told.status, told.header("Access-Control-Allow-Origin")) == (409, "*")


def test_a_background_tasks_failure_leaves_the_answer_alone(caplog):
    async def later():
        raise error

    error = VendorError(bare(503))
    app = Starlette(routes=[Route("/", lambda request: PlainTextResponse("sent", background=BackgroundTask(later)))])
    told = ask(in_middleware(app))
    assert (told.status, told.body, told.raised) == (200, b"sent", error)
    [record] = ours(caplog)
    assert not hasattr(record, "errnorm_truncated")  # the user got the whole of it


def test_a_stream_that_breaks_off_stays_broken(caplog):
    async def stream():
        yield b"a"
        raise error

    error = VendorError(bare(503))
    told = ask(in_middleware(Starlette(routes=[Route("/", lambda request: StreamingResponse(stream()))])))
    assert told.raised is error or error in getattr(told.raised, "exceptions", ())
    assert (told.status, told.body) == (200, b"a")
    assert [record.errnorm_truncated for record in ours(caplog)] == [True]


def test_handlers_never_answer_twice(caplog):
    told = ask(in_handlers(begins(VendorError(bare(503)))))
    assert told.raised is not None
    assert [message["type"] for message in told.messages] == ["http.response.start", "http.response.body"]


def test_handlers_know_every_exception_that_the_middleware_answers():
    for client in ("httpx", "requests", "aiohttp", "urllib3"):
        pytest.importorskip(client)
    import sys
    import urllib.error

    assert urllib.error
    known = tuple(exception_handlers())
    for word, outcome in OUTCOMES.items():
        client, name = word.split(":")[0].split(".")
        for module in (client, f"{client}.exceptions", f"{client}.error"):
            found = getattr(sys.modules.get(module), name, None)
            if (
                outcome.reason
                and isinstance(found, type)
                and client in ("httpx", "requests", "aiohttp", "urllib3", "urllib")
            ):
                assert issubclass(found, known), word


def test_a_total_timeout_of_aiohttp_is_answered_by_both():
    aiohttp = pytest.importorskip("aiohttp")
    from tests.loopback import Reply, Trouble, Vendor

    with Vendor(Reply(trouble=Trouble.STALL)) as vendor:

        async def app(scope, receive, send):
            timeout = aiohttp.ClientTimeout(total=0.05)
            async with aiohttp.ClientSession(timeout=timeout) as session, session.get(vendor.url):
                pass

        for door in (in_middleware, in_handlers):
            assert ask(door(app)).status == 504


def test_settings_come_as_keywords_or_ready_made():
    async def app(scope, receive, send):
        raise VendorError(lionbridge(304))

    own = {"vendors": {"lionbridge": {"statuses": {"304": 422}}}}
    for door in (
        ErrorNormalizationMiddleware(app, **own),
        ErrorNormalizationMiddleware(app, normalizer=Normalizer(**own)),
        Starlette(routes=[Mount("/", app)], exception_handlers=exception_handlers(**own)),
        Starlette(routes=[Mount("/", app)], exception_handlers=exception_handlers(Normalizer(**own))),
    ):
        assert ask(door).status == 422


def test_a_wrong_setting_is_told_at_once_with_the_nearest_name():
    for make in (lambda **own: ErrorNormalizationMiddleware(None, **own), exception_handlers):
        with pytest.raises(SettingsError, match="did you mean 'vendors'"):
            make(vendorz={})
        with pytest.raises(TypeError, match="not both: messages"):
            make(normalizer=Normalizer(), messages={})
        with pytest.raises(TypeError, match=r"normalizer: an errnorm\.Normalizer is wanted, not dict"):
            make(normalizer={"handle": "all"})


def test_what_an_app_recognises_is_answered():
    class OrderError(Exception):
        pass

    def recognise(source):
        return lionbridge(304) if isinstance(source, OrderError) else None

    assert ask(ErrorNormalizationMiddleware(raises(OrderError()), recognise=recognise)).status == 409


# --- Starlette's own errors, with handle="all" ---


def refuses(status, detail=None, headers=None):
    def endpoint(request):
        raise HTTPException(status, detail, headers)

    return endpoint


brings = pytest.mark.parametrize("make", [in_own_handlers, in_installed])


@brings
@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize(
    ("method", "path", "status", "code", "header"),
    [
        ("GET", "/nowhere", 404, "not_found", None),
        ("DELETE", "/", 405, "method_not_allowed", ("Allow", "GET, HEAD")),
        ("GET", "/", 401, "unauthorized", ("WWW-Authenticate", "Basic")),
        ("GET", "/busy", 429, "too_many_requests", ("Retry-After", "7")),
        ("GET", "/later", 503, "service_unavailable", ("Retry-After", "Wed, 21 Oct 2026 07:28:00 GMT")),
        ("GET", "/odd", 418, "im_a_teapot", None),
    ],
)
def test_what_starlette_refuses_is_told_in_our_model_with_its_headers(
    make, language, method, path, status, code, header
):
    app = make(
        Route("/", refuses(401, headers={"www-authenticate": "Basic"})),
        Route("/busy", refuses(429, headers={"retry-after": "7"})),
        Route("/later", refuses(503, headers={"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"})),
        Route("/odd", refuses(418)),
        handle="all",
    )
    told = ask(app, method, path, {"Accept-Language": language})
    problem = json.loads(told.body)
    assert (told.status, problem["status"], problem["code"]) == (status, status, code)
    assert told.header("Content-Language") == language
    assert told.header("Cache-Control") == "no-store"
    expected = own_problem(status, OCCURRENCE, language=language, retry_after=problem.get("retry_after"))
    assert problem["detail"] == expected.detail
    if header is not None:
        [value] = [value for name, value in told.headers if name == header[0].lower()]
        assert sorted(value.split(", ")) == sorted(header[1].split(", "))
        assert problem.get("retry_after") == (7 if path == "/busy" else None)


@brings
@pytest.mark.parametrize(
    ("status", "detail", "shown"),
    [
        (409, "Already booked.", "Already booked."),
        (404, "Not Found", None),
        (413, http.client.responses[413], None),
        (400, "", None),
        (400, "token=" + "s3cr3t" * 4, "token=[secret]"),
        (502, "https://user:pass@vendor.example", None),
        (422, {"detail": "No seat left.", "code": "no_seat"}, "No seat left."),
        (422, {"message": "No seat left.", "code": "No seat!"}, "No seat left."),
        (422, {"detail": ["No seat left."]}, None),
        (422, ["No seat left."], None),
    ],
)
def test_only_what_an_app_wrote_for_people_is_told_as_detail(make, status, detail, shown):
    told = json.loads(ask(make(Route("/", refuses(status, detail)), handle="all")).body)
    assert told["detail"] == (shown or own_problem(status, OCCURRENCE).detail)
    if isinstance(detail, dict):
        assert told["code"] == ("no_seat" if detail.get("code") == "no_seat" else "unprocessable_content")


@brings
def test_what_starlette_itself_says_is_told_in_our_words(make):
    async def endpoint(request):
        async with request.form(max_fields=0) as form:
            return JSONResponse(len(form))

    async def run():
        body = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n'
        scope = http_scope("POST", headers={"Content-Type": "multipart/form-data; boundary=b"})
        return await exchange(make(Route("/", endpoint, methods=["POST"]), handle="all"), scope, body)

    pytest.importorskip("python_multipart")
    told = asyncio.run(run())
    assert told.status == 400
    assert json.loads(told.body)["detail"] == own_problem(400, OCCURRENCE).detail


@brings
@pytest.mark.parametrize("status", [204, 304, 307])
def test_an_exception_that_is_no_error_stays_starlettes(make, status):
    told = ask(make(Route("/", refuses(status, headers={"Location": "/x"})), handle="all"))
    assert (told.status, told.header("Location"), told.header("Cache-Control")) == (status, "/x", None)


@brings
def test_headers_of_the_abandoned_body_are_dropped_and_others_kept(make):
    theirs = {"Content-Length": "3", "Content-Type": "text/x", "ETag": "x", "Vary": "Cookie", "Set-Cookie": "a=1"}
    told = ask(make(Route("/", refuses(409, "No.", theirs)), handle="all"))
    kept = [(name, value) for name, value in told.headers if name in {"vary", "set-cookie", "etag"}]
    assert kept == [("vary", "Accept, Accept-Language"), ("vary", "Cookie"), ("set-cookie", "a=1")]
    assert told.header("Content-Length") == str(len(told.body))
    assert told.header("Content-Type") == "application/problem+json"


@everywhere
@pytest.mark.parametrize("debug", [False, True])
def test_a_bug_is_answered_reported_and_rises_once(make, debug, caplog):
    def endpoint(request):
        raise bug

    bug = ValueError("a bug")
    app = make(Route("/", endpoint), handle="all")
    app.debug = debug
    told = ask(app, headers={"Accept": "text/html"})
    assert told.raised is bug
    assert [message["type"] for message in told.messages] in (
        ["http.response.start", "http.response.body"],
        ["http.response.debug", "http.response.start", "http.response.body"],
    )
    assert told.status == 500
    assert (b"Traceback" in told.body) == debug
    assert len(ours(caplog)) == (0 if debug else 1)


@everywhere
def test_a_handler_of_the_apps_own_for_bugs_goes_first(make, caplog):
    def endpoint(request):
        raise ValueError

    app = make(Route("/", endpoint), handle="all")
    app.exception_handlers[Exception] = lambda request, raised: PlainTextResponse("ours", 500)
    assert ask(app).body == b"ours"
    assert not ours(caplog)


@everywhere
def test_a_stream_with_a_bug_in_it_is_neither_answered_nor_noted(make, caplog):
    async def stream():
        yield b"a"
        raise ValueError

    told = ask(make(Route("/", lambda request: StreamingResponse(stream())), handle="all"))
    assert (told.status, told.body) == (200, b"a")
    assert told.raised is not None
    assert not ours(caplog)


class Outside:
    """A middleware with a header of its own, or a bug."""

    def __init__(self, app, error=None):
        self.app, self.error = app, error

    async def __call__(self, scope, receive, send):
        async def marked(message):
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-outside", b"1")]
            await send(message)

        if self.error:
            raise self.error
        await self.app(scope, receive, marked)


@pytest.mark.parametrize(("make", "kept"), [(in_one_middleware, True), (in_installed, True), (in_own_handlers, False)])
def test_headers_of_other_middlewares_stay_on_a_500_of_the_middleware(make, kept):
    """Starlette answers what is unexpected outside of all middlewares, and so does a handler of ours."""
    app = make(Route("/", raises_in_view(ValueError())), handle="all")
    app.add_middleware(Outside)
    app.add_middleware(CORSMiddleware, allow_origins=["*"])
    told = ask(app, headers={"Origin": "https://app.example"})
    assert told.status == 500
    assert (told.header("Access-Control-Allow-Origin") == "*") == kept
    assert (told.header("X-Outside") == "1") == kept
    assert json.loads(told.body)["code"] == "internal_server_error"


def raises_in_view(error):
    def endpoint(request):
        raise error

    return endpoint


@brings
@pytest.mark.parametrize(("fail", "status"), [(ValueError, 500), (lambda: VendorError(lionbridge(304)), 409)])
def test_what_another_middleware_raises_is_answered_too(make, fail, status, caplog):
    app, error = make(handle="all"), fail()
    app.add_middleware(Outside, error=error)
    told = ask(app)
    assert (told.status, told.raised) == (status, error)
    assert json.loads(told.body)["status"] == status
    assert len(ours(caplog)) == 1


@brings
def test_a_body_that_is_too_large_is_told_unless_its_length_says_so_before(make):
    """Starlette refuses a declared length by itself, outside of every middleware and handler."""
    pytest.importorskip("starlette.middleware.body_limit")

    async def endpoint(request):
        return PlainTextResponse(str(len(await request.body())))

    app = make(Route("/", endpoint, methods=["POST"]), handle="all")
    app.max_body_size = 4
    for headers, ours_ in (({}, True), ({"Content-Length": "10"}, False)):
        told = asyncio.run(exchange(app, http_scope("POST", headers=headers), b"0123456789"))
        assert told.status == 413
        assert (told.header("Content-Type") == "application/problem+json") == ours_


# --- who asks, and what is left alone ---


@everywhere
@pytest.mark.parametrize("error", [VendorError(bare(429, "lionbridge"))])
def test_an_app_is_asked_about_starlettes_request(make, error):
    def audience(request):
        return request.url.path == "/" and request.cookies.get("staff") == "1"

    app = make(Route("/", raises_in_view(error)), audience=audience)
    assert "vendor" not in json.loads(ask(app).body)
    assert json.loads(ask(app, headers={"Cookie": "staff=1"}).body)["vendor"] == "lionbridge"


@exempt
def function(request):
    return failing(request)


@exempt
class Class(HTTPEndpoint):
    def get(self, request):
        return failing(request)


def flagged(request):
    request.scope["errnorm.exempt"] = True
    return failing(request)


def failing(request):
    raise {"vendor": VendorError(bare(503)), "http": HTTPException(404), "bug": ValueError()}[
        request.query_params["raise"]
    ]


@everywhere
@pytest.mark.parametrize("raised", ["vendor", "http", "bug"])
@pytest.mark.parametrize("path", ["/function", "/class", "/flagged", "/admin/view", "/mounted/function"])
def test_what_is_exempt_is_as_without_us(make, raised, path, caplog):
    own = [
        Route("/function", function),
        Route("/class", Class),
        Route("/flagged", flagged),
        Route("/admin/view", failing),
    ]
    routes = [*own, Mount("/mounted", routes=own)]
    scope = http_scope(path=path) | {"query_string": f"raise={raised}".encode()}
    bare_, told = (
        asyncio.run(exchange(app, dict(scope)))
        for app in (Starlette(routes=routes), make(*routes, handle="all", exempt=("/admin",)))
    )
    assert told.messages == bare_.messages
    assert type(told.raised) is type(bare_.raised)
    assert not ours(caplog)


def test_installing_is_done_once_and_before_the_first_request():
    app = Starlette(middleware=[Middleware(CORSMiddleware)])
    for _ in range(2):
        install(app, handle="all")
    assert [each.cls for each in app.user_middleware] == [CORSMiddleware, ErrorNormalizationMiddleware]
    app.add_middleware(Outside)
    assert app.user_middleware[-1].cls is ErrorNormalizationMiddleware
    ask(app)
    install(app, handle="all")  # has it
    late = Starlette()
    ask(late)
    with pytest.raises(RuntimeError, match="before the app serves its first request"):
        install(late)


def test_handlers_of_the_apps_own_stay():
    app = Starlette(
        routes=[Route("/", refuses(404))],
        exception_handlers={HTTPException: lambda request, raised: PlainTextResponse("mine", 404)},
    )
    install(app, handle="all")
    assert ask(app).body == b"mine"


# --- pages about problem types ---


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"type_base": "https://app.example/problems/"}, "/problems/{}"),
        ({"type_base": "https://app.example/about#"}, "/about{}"),
        ({"path": "/p/{code}"}, "/p/{}"),
        ({}, "/{}"),
    ],
)
def test_a_problem_type_tells_what_it_means(settings, path):
    app = in_installed(problem_types(**settings), handle="all")
    for code in ("language-pair-not-offered", "language_pair_not_offered", "service-unavailable"):
        told = ask(app, path=path.format(code), headers={"Accept": "text/html", "Accept-Language": "de"})
        assert (told.status, told.header("Content-Language")) == (200, "de")
        assert code.replace("-", "_").encode() in told.body
    head = ask(app, "HEAD", path.format("service-unavailable"))
    assert (head.status, head.body) == (200, b"")
    unknown = ask(app, path=path.format("no-such-thing"))
    assert (unknown.status, json.loads(unknown.body)["code"]) == (404, "not_found")


def test_the_type_of_a_problem_leads_to_its_page():
    normalizer = Normalizer(type_base="https://app.example/problems/")
    routes = [Route("/fail", raises_in_view(VendorError(lionbridge(304)))), problem_types(normalizer)]
    app = in_installed(*routes, normalizer=normalizer)
    uri = json.loads(ask(app, path="/fail").body)["type"]
    page = ask(app, path=uri.removeprefix("https://app.example"), headers={"Accept": "application/json"})
    assert json.loads(page.body)["type"] == uri
