"""What a body names is never opened, in whatever disguise; of what has no end only the beginning is read."""

from __future__ import annotations

import json
import os
import socket
import threading
import tracemalloc
from urllib.request import urlopen

import pytest
from lxml import etree

import errnorm
from errnorm.answering import Normalizer
from errnorm.model import VendorError
from tests.corpora.canaries import SONG, Canaries, careless, watched
from tests.test_calling import DOORS

# ---- what a body names -----------------------------------------------------------------------------------------------

PAYLOADS = """
<!DOCTYPE a [<!ENTITY e SYSTEM "{it}">]><a>&e;</a>
<!DOCTYPE a [<!ENTITY e SYSTEM "{it}">]><a b="&e;"/>
<!DOCTYPE a [<!ENTITY e PUBLIC "x" "{it}">]><Error><code>&e;</code></Error>
<!DOCTYPE a SYSTEM "{it}"><a/>
<!DOCTYPE a PUBLIC "-//W3C//DTD XHTML 1.0//EN" "{it}"><a>&e;</a>
<!DOCTYPE a [<!ENTITY % p SYSTEM "{it}"> %p;]><a/>
<!DOCTYPE a [<!ENTITY % p SYSTEM "{it}"><!ENTITY % q "<!ENTITY &#37; r SYSTEM '{it}?%p;'>"> %q; %r;]><a/>
<!DOCTYPE a [<!ELEMENT a ANY><!ATTLIST a xmlns:xi CDATA #FIXED "{it}"><!NOTATION n SYSTEM "{it}">]><a/>
<!DOCTYPE a [<!NOTATION n SYSTEM "{it}"><!ENTITY u SYSTEM "{it}" NDATA n>]><a>&u;</a>
<!DOCTYPE a SYSTEM "{it}" [<![INCLUDE[<!ENTITY e SYSTEM "{it}">]]>]><a>&e;</a>
<?xml version="1.0" standalone="no"?><!DOCTYPE a SYSTEM "{it}"><a/>
<?xml version="1.1"?><!DOCTYPE a [<!ENTITY e SYSTEM "{it}">]><a>&e;</a>
<?xml version="1.0"><!DOCTYPE a [<!ENTITY % p SYSTEM "{it}"> %p;]><a>&x;</a>
<?xml version="1.0"><!DOCTYPE a [<!ENTITY % p SYSTEM "{it}"> %p;]><?x?><a/>
<?xml version="1.0"?><?x y><!DOCTYPE a [<!ENTITY e SYSTEM "{it}">]><a>&e;</a>
<? <!DOCTYPE a [<!ENTITY % p SYSTEM "{it}"> %p;]>?><a/>
<?x \x01<!DOCTYPE a [<!ENTITY % p SYSTEM "{it}"> %p;]>?><a/>
<!-- \x01<!DOCTYPE a [<!ENTITY % p SYSTEM "{it}"> %p;]>--><a/>
<!-- -- --><!DOCTYPE a [<!ENTITY % p SYSTEM "{it}"> %p;]><a/>
</x><!DOCTYPE a [<!ENTITY % p SYSTEM "{it}"> %p;]><a/>
<b/><!DOCTYPE a [<!ENTITY % p SYSTEM "{it}"> %p;]><a/>
<a><!DOCTYPE a [<!ENTITY e SYSTEM "{it}">]>&e;</a>
<!doctype a [<!entity e system "{it}">]><a>&e;</a>
<!doctype html [<!ENTITY e SYSTEM "{it}">]><html><title>&e;</title><img src="{it}"><script src="{it}"></script>
<html><head><base href="{it}"><link rel="stylesheet" href="{it}"><title>x</title></head><iframe src="{it}">
<a xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="{it}" parse="text"/></a>
<a xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="{it}"><xi:fallback><xi:include href="{it}"/></xi:fallback></xi:include></a>
<?xml-stylesheet type="text/xsl" href="{it}"?><a/>
<?xml-model href="{it}" type="application/xml"?><a/>
<?php include("{it}") ?><a/>
<a xmlns:s="http://www.w3.org/2001/XMLSchema-instance" s:noNamespaceSchemaLocation="{it}"/>
<a xmlns="u" xmlns:s="http://www.w3.org/2001/XMLSchema-instance" s:schemaLocation="u {it}"/>
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:include schemaLocation="{it}"/><xs:import schemaLocation="{it}"/></xs:schema>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:import href="{it}"/><xsl:variable name="v" select="document('{it}')"/></xsl:stylesheet>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:x="http://www.w3.org/1999/xlink"><image x:href="{it}"/><use href="{it}#a"/></svg>
<svg xmlns="http://www.w3.org/2000/svg"><style>@import url("{it}");</style></svg>
<a xml:base="{it}"><b href="{it}"/></a>
<s:Envelope xmlns:s="u"><s:Body><![CDATA[<!DOCTYPE d [<!ENTITY % p SYSTEM "{it}"> %p;]><d/>]]></s:Body></s:Envelope>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultstring href="{it}"/></s:Fault></s:Body></s:Envelope>
""".strip().splitlines()  # noqa: E501

# How the same text may come.
GUISES = {
    **{
        encoding: lambda text, encoding=encoding: text.encode(encoding, "replace")
        for encoding in (
            "utf-8",
            "utf-8-sig",
            "utf-16",
            "utf-16-le",
            "utf-16-be",
            "utf-32",
            "utf-7",
            "cp037",
            "latin-1",
        )
    },
    "utf-7, declared": lambda text: b'<?xml version="1.0" encoding="UTF-7"?>' + text.encode("utf-7"),
    "utf-16, declared as utf-8": lambda text: ('<?xml version="1.0" encoding="utf-8"?>' + text).encode("utf-16"),
    "after blanks": lambda text: b" \r\n\t" + text.encode(),
    "after a NUL": lambda text: b"\0" + text.encode(),
    "after two marks": lambda text: b"\xef\xbb\xbf\xef\xbb\xbf" + text.encode(),
    "cut": lambda text: text.encode()[:-5],
    "in JSON": lambda text: json.dumps({"error": text, "$ref": text, "message": [text]}).encode(),
    "in an element": lambda text: b"<Error><message>" + text.encode() + b"</message></Error>",
    "twice": lambda text: (text + text).encode(),
}
VENDORS = (None, "lionbridge", "phase")
NORMALIZER = Normalizer()


def follow(body):
    """All that an app can do with a body; what comes of it, as text."""
    told = []
    for vendor in VENDORS:
        error = NORMALIZER.parse(body, status=500, headers={"Content-Type": "text/xml"}, vendor=vendor)
        told.append(
            json.dumps(error.to_dict()) + NORMALIZER.answer(VendorError(error), "text/html", "de").body.decode()
        )
    return "".join(told)


@pytest.fixture(scope="module")
def canaries(tmp_path_factory):
    if not hasattr(os, "mkfifo"):
        pytest.skip("there are no FIFOs on this system")
    with Canaries(tmp_path_factory.mktemp("canaries")) as canaries:
        yield canaries


@pytest.mark.parametrize("guise", GUISES.values(), ids=GUISES)
def test_nothing_that_a_body_names_is_opened(guise, canaries):
    bodies = [guise(payload.replace("{it}", it)) for payload in PAYLOADS for it in canaries.addresses]
    before = len(canaries.heard)
    for body in bodies[:: len(canaries.addresses)]:
        follow(body)  # whatever has to be imported is
    with watched() as seen:
        for body in bodies:
            assert SONG.decode() not in follow(body)
    assert seen == []
    assert canaries.heard[before:] == []


def test_the_canaries_sing(canaries):
    """An lxml parser that nobody hardened, another with a resolver, and Python itself: each is heard."""

    class Web(etree.Resolver):
        def resolve(self, url, public_id, context):
            with urlopen(url) as answer:
                return self.resolve_string(answer.read().decode(), context)

    canaries.heard.clear()
    assert careless(PAYLOADS[0].replace("{it}", canaries.fifo.as_uri())) == SONG.decode()
    assert canaries.heard == ["fifo"]
    with watched() as seen:
        assert careless(PAYLOADS[0].replace("{it}", f"http://{canaries.host}/x"), Web()) == SONG.decode()
    assert canaries.heard == ["fifo", "host"]
    assert any(event.startswith("socket.connect") for event in seen)
    with watched() as seen, open(os.devnull, encoding="utf-8"):  # noqa: PTH123
        pass
    assert seen
    canaries.heard.clear()


# ---- what has no end -------------------------------------------------------------------------------------------------

GIGABYTE = 10**9
PIECE = b"x" * 65_536
LENGTHS = {
    "Content-Length": (f"Content-Length: {GIGABYTE}", PIECE),
    "chunked": ("Transfer-Encoding: chunked", b"%x\r\n%s\r\n" % (len(PIECE), PIECE)),
    "until it is closed": ("Connection: close", PIECE),
}
ENOUGH = 4 * 2**20  # what sockets hold on their own account comes on top of the cap


class Torrent:
    """A server that would answer with a gigabyte: `sent` counts what left it, `cut` is set once nobody wants more."""

    def __init__(self, length, status=500):
        header, self._piece = LENGTHS[length]
        self._head = f"HTTP/1.1 {status} Odd\r\nContent-Type: text/plain\r\n{header}\r\n\r\n".encode()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"
        self.sent, self.cut = 0, threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._thread.join(10)
        self._listener.close()

    def _serve(self):
        connection, _ = self._listener.accept()
        with connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
            connection.settimeout(10)
            connection.recv(65_536)
            connection.sendall(self._head)
            try:
                while self.sent < GIGABYTE:
                    connection.sendall(self._piece)
                    self.sent += len(self._piece)
            except TimeoutError:
                pass  # nobody takes more, and nobody says so
            except OSError:
                self.cut.set()


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("stream", [False, True], ids=["read", "streamed"])
@pytest.mark.parametrize("name", DOORS)
def test_of_a_gigabyte_a_door_reads_the_cap_and_hangs_up(name, stream, length):
    pytest.importorskip(name.split()[0])
    door, read = DOORS[name], []
    normalizer = Normalizer(recognise=read.append)

    def call():
        with Torrent(length) as torrent, pytest.raises(VendorError) as caught:
            door(torrent.url, stream=stream, normalizer=normalizer)
        return torrent, caught.value.error

    call()  # whatever has to be imported is
    tracemalloc.start()
    torrent, error = call()
    grown = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert error.vendor_status == 500
    assert {len(source.body) for source in read} == {normalizer.cap}
    assert torrent.cut.is_set()
    assert torrent.sent < ENOUGH
    assert grown < ENOUGH


HUGE = 2**28  # bytes of zeros, which take no memory before somebody reads them
MAKES = {
    "bytes": lambda: bytes(HUGE),
    "bytearray": lambda: bytearray(HUGE),
    "memoryview": lambda: memoryview(bytearray(HUGE)),
    "str": lambda: "x" * (HUGE // 8),
}


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
def test_of_a_huge_body_in_hand_no_copy_is_made(make):
    body = make()

    def call():
        return errnorm.parse(body, status=500, vendor="lionbridge").vendor_status

    call()
    tracemalloc.start()
    assert call() == 500
    grown = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert grown < ENOUGH
