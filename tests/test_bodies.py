"""Whatever is in a body, it is told what it is, decoded and read within bounds."""
# ruff: noqa: E501, ERA001

import json
from itertools import count

import pytest
from lxml import etree

import errnorm
from errnorm.reading.bodies import DEPTH, decode
from errnorm.reading.headers import NO_HEADERS, Headers

ODD = "é€😀"
JSON = f'{{"a":"{ODD}"}}'
XML = f"<a>{ODD}</a>"
WIDE = ["utf-8", "utf-8-sig", *(f"utf-{width}{end}" for width in (16, 32) for end in ("", "-le", "-be"))]


def tree_of(body, headers=NO_HEADERS):
    """The tree; of XML as text, for elements are not compared by what they hold."""
    tree = decode(body, headers).tree
    return etree.tostring(tree, encoding="unicode") if etree.iselement(tree) else tree


def declared(charset):
    return Headers({"Content-Type": f"text/plain; charset={charset}"})


@pytest.mark.parametrize("encoding", WIDE)
@pytest.mark.parametrize("charset", ["", "utf-8", "latin-1", "no-such-thing"])
def test_the_bytes_tell_their_encoding_whatever_is_declared(encoding, charset):
    headers = declared(charset)
    assert tree_of(JSON.encode(encoding), headers) == {"a": ODD}
    assert tree_of(XML.encode(encoding), headers) == XML
    assert tree_of(f'<?xml version="1.0" encoding="{charset or encoding}"?>{XML}'.encode(encoding), headers) == XML


# charset: the three bytes E9 E4 80 in it
CHARSETS = {
    "latin-1": "éä\x80",
    "ISO-8859-1": "éä\x80",
    "windows-1252": "éä€",
    "cp1252": "éä€",
    "koi8-r": "ИД─",
    "mac-roman": "È‰Ä",
    # a lie about the width; unknown; no encoding of text, or a slow or dangerous one
    **dict.fromkeys(("utf-16", "utf-16-le", "utf-32", "", "x-mystery", "undefined", "../latin"), "\ufffd\ufffd"),
    **dict.fromkeys(("base64", "zlib", "bz2", "rot13", "idna", "punycode", "unicode_escape", "utf-7"), "\ufffd\ufffd"),
    "latin-1\ud800": "éä\x80",
}


@pytest.mark.parametrize(("charset", "text"), CHARSETS.items(), ids=ascii)
def test_a_declared_charset_counts_where_the_bytes_are_no_utf8(charset, text):
    data = b"\xe9\xe4\x80"
    assert tree_of(b'{"a":"' + data + b'"}', declared(charset)) == {"a": text}
    assert decode(b"no " + data, declared(charset)).text == f"no {text}"
    if charset.isascii():
        xml = f"<?xml version='1.0' encoding='{charset}'?><a>".encode() + data + b"</a>"
        assert decode(xml).tree.text.replace("\x80", "") == text.replace("\x80", "")


HTML = r"""<!doctype html>|<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN">|\ufeff<!DOCTYPE html>|\n\n  <!doctype\n html>|<html>
<HTML><HEAD>|<html lang=en>|<body>|<title>x</title>|<h1>503</h1>|<center>|<pre>|<p>|<div>|<script>|<style>|<meta charset=x>|<hr>|<br/>
<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "x"><html xmlns="http://www.w3.org/1999/xhtml"/>
<!-- a --><html>|<!-- a > b --><html>|<!-- a --> <!-- - -- b -->\n<html>|<a href="/there">Moved</a>.|<table>|<span>|<b>x</b>
<!--[if lt IE 7]> <html class="ie6"> <![endif]--> <!--[if gt IE 8]><!--> <html class="no-js">"""
NO_HTML = """<header/>|<person/>|<heading/>|<body-part/>|<body_x/>|<h1.x/>|<title:x xmlns:title="u"/>|<htmlx/>|<a/>|<pr/>|<hrx/>
<p:problem xmlns:p="urn:ietf:rfc:7807"/>|<html-error/>|<svg/>|<b2/>|<Error/>|<forms/>|<!-- <html> --><x/>|<x><html/></x>"""


@pytest.mark.parametrize(
    "page", [*HTML.replace("|", "\n").splitlines(), "<!--" + "x" * 9_000 + r"-->\n<html>"], ids=count()
)
def test_a_page_is_html_in_every_guise(page):
    for case in (page, page.upper()):
        text = case.replace(r"\n", "\n").replace(r"\N", "\n").replace(r"\ufeff", "\ufeff").replace(r"\UFEFF", "\ufeff")
        assert decode(text.encode()).kind == "html"


@pytest.mark.parametrize("document", NO_HTML.replace("|", "\n").splitlines())
def test_xml_is_no_page_though_a_name_begins_like_one(document):
    assert decode(document.encode()).kind == "xml"


# kind, text, body
SAID = r"""
html|502 Bad Gateway|<html>\r\n<head><title>502 Bad Gateway</title></head><body><center><h1>Other</h1></center></body>
html|503 Service Unavailable|<h1>503 Service Unavailable</h1>\nNo server is available to handle this request.
html|Gone & <away>|<html><title></title><h1>Gone &amp; &lt;away&gt;</h1>
html|Two words|<html><h2 class="x">Two <em>words</em></h2>
html|Cut off|<html><head><title>Cut off
html||<html><body>nothing to say</body>
text|error code: 1015|error code: 1015
text|null and void|null and void
empty||null
empty|| \r\n\t
empty||""
empty||"  "
"""


@pytest.mark.parametrize("row", SAID.strip("\n").split("\n"), ids=count())
def test_what_a_page_or_a_text_says(row):
    kind, text, body = row.split("|", 2)
    read = decode(body.replace(r"\r", "\r").replace(r"\n", "\n").replace(r"\t", "\t").encode())
    assert (read.kind, " ".join(read.text.split())) == (kind, text)


# body: tree
TREES = [
    (b')]}\'\n{"a":1}', {"a": 1}),
    (b')]}\',\n{"a":1}', {"a": 1}),
    (b"\xef\xbb\xbf)]}'\r\n[1]", [1]),
    (b'\xef\xbb\xbf\xef\xbb\xbf{"a":1}', {"a": 1}),
    (b'\n\x0b\x0c {"a":1}\n', {"a": 1}),
    (b'"x"', "x"),
    (b"[]", []),
    (b"{}", {}),
    (b"[null]", [None]),
    (b'{"a":1,"a":2}', {"a": 2}),
    (b'{"a":NaN,"b":-Infinity}', {"a": None, "b": None}),
    (b'{"a":1e999}', {"a": None}),
    (b'{"a":%s,"b":"x"}' % (b"9" * 5_000), {"a": None, "b": "x"}),
    (b'{"a":"\\ud83d"}', {"a": "\ufffd"}),
    (b'{"a":"\\ud83d\\ude00\\ude00\\\\ud83d"}', {"a": "😀\ufffd\\ud83d"}),
    (b'{"a":"two\nlines\t"}', {"a": "two\nlines\t"}),
    # as a vendor's own page shows it
    (b'{\n"error": "Taken, and twice,}",\n}', {"error": "Taken, and twice,}"}),
    (b'[1, [2,], {"a": 3 , } ,]', [1, [2], {"a": 3}]),
    (b'{"a":"\xff"}', {"a": "\ufffd"}),
    ('{"a":"\ud800"}', {"a": "?"}),
    ('\ufeff{"a":"é"}', {"a": "é"}),
    (bytearray(b'{"a":1}'), {"a": 1}),
    (memoryview(b'{"a":1}'), {"a": 1}),
    (memoryview(b"[x1x]")[::2], [1]),
    # no JSON: what it was meant to be is for engineers to read
    *((body, None) for body in (b"{", b"[", b'"', b'{"a":1} x', b"{'a':1}", b'{"a":', b"[" * 60_000)),
]


@pytest.mark.parametrize(("body", "tree"), TREES, ids=count())
def test_json_is_read_as_sloppily_as_it_is_sent(body, tree):
    assert decode(body).tree == tree


@pytest.mark.parametrize("body", [5, 10**12, None, 1.5, [1, 2], {"a": 1}, object()], ids=str)
def test_what_is_no_body_is_a_programming_error(body):
    with pytest.raises(TypeError):
        decode(body)


# XML as it comes, and as it is read
DOCUMENTS = {
    "<a>&amp;&lt;&#65;</a>": "<a>&amp;&lt;A</a>",
    "<x:a>1</x:a>": "<x:a>1</x:a>",
    "<?xml version='1.1'?><a/>": "<a/>",
    "  <?xml version='1.0'?>\n<a/>": "<a/>",
    "<a><b>c</a>": "<a><b>c</b></a>",
    "<a><b>c<b></a>": "<a><b>c<b/></b></a>",
    "<a>x</a> tail": "<a>x</a>",
    "<a>cut": "<a>cut</a>",
    # half of a surrogate pair, and an emoji as two of them
    "<a b='&#xDFFF;'>&#xD800;x</a>": "<a b='\ufffd'>\ufffdx</a>".replace("'", '"'),
    "<a>&#xD83D;&#xDE00;&#55357;&#56832;&#x0000d83d;&#0056832;</a>": "<a>😀😀😀</a>",
    "<a>&#xD83D;&#xDE00;<b>&#65;&#57344;&#xD7FF;": "<a>😀<b>A\ue000\ud7ff</b></a>",
    "<a><!-- <!DOCTYPE x> --></a>": "<a/>",
    "<!-- <!DOCTYPE x> --><a/>": "<a/>",
    "<?p <!DOCTYPE x> ?><a/>": "<a/>",
    "<a><![CDATA[<!DOCTYPE x>]]></a>": "<a>&lt;!doctype x&gt;</a>",
    "<?xml-stylesheet href='file:///etc/passwd'?><a/>": "<a/>",
    "<a>\x01</a>": "<a> </a>",
}
TYPES = """<!DOCTYPE a>|<!DOCTYPE htmlx>|<!DOCTYPE a SYSTEM "u">|<?xml version="1.0"?> <!-- x --> <!DOCTYPE a>|<!-- - -- --><!DOCTYPE a>
<!-- x --->\n<!DOCTYPE a>|<? x?><!DOCTYPE a>|<!--><!DOCTYPE a>|<!-->--><!DOCTYPE a>|<?xml version="1.0"><!DOCTYPE a>|<?xml?><?x y><!DOCTYPE a>
<?p ?>?><!DOCTYPE a>|<!doctype a>|</x><!DOCTYPE a>|<!--x\n<!DOCTYPE a>|<![CDATA[x]]><!DOCTYPE a>|<!DOCTYPE svg>|<!ENTITY e "EXPANDED">|<!x><!DOCTYPE a>"""


@pytest.mark.parametrize(("document", "read"), DOCUMENTS.items(), ids=ascii)
def test_xml_is_read_as_far_as_it_goes(document, read):
    assert tree_of(document.encode()) == read


@pytest.mark.parametrize("encoding", [*WIDE, "utf-7"])
@pytest.mark.parametrize("start", TYPES.replace("|", "\n").splitlines(), ids=count())
def test_a_document_type_is_refused_wherever_it_hides(start, encoding):
    start = start.replace(" a>", ' a [<!ENTITY e "EXPANDED">]>').replace("\\n", "\n")
    body = decode((start + "<a>&e;</a>").encode(encoding))
    assert body.tree is None or "EXPANDED" not in etree.tostring(body.tree, encoding="unicode")
    assert body.tree is None or body.tree.getroottree().docinfo.internalDTD is None
    assert start[:3] == "<!x" or encoding == "utf-7" or body.tree is None


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_depth_has_a_bound(more):
    deep = DEPTH + more
    assert (decode(b"[" * deep + b"]" * deep).tree is not None) is (more <= 0)
    nested = b'{"a":' * (deep - 1) + b'{"' + b"[" * 50 + b'":0}' + b"}" * (deep - 1)
    assert (decode(nested).tree is not None) is (more <= 0)


@pytest.mark.parametrize(
    "body", [b'["' + b'\\"' * 30_000, b"[" * 40 + b'"\\' * 30_000, b"<a>" * 21_000, b"<" * 65_000], ids=count()
)
def test_depth_without_an_end_gives_an_answer(body):
    assert decode(body).kind in ("json", "xml")


# a body over the cap, whatever its encoding: its kind is known, it is not parsed
OVER = [
    ("json", '{"a":"'),
    ("json", "["),
    ("xml", "<Error>"),
    ("html", "<!doctype html><title>Trouble</title>"),
    ("text", "word "),
    ("json", "\n" * 600 + "{"),
]


@pytest.mark.parametrize(("kind", "start"), OVER, ids=count())
@pytest.mark.parametrize("encoding", WIDE)
def test_what_is_over_the_cap_is_not_parsed(kind, start, encoding):
    data = start.encode(encoding) + "x".encode(encoding.removesuffix("-sig") if len(encoding) > 6 else "utf-8") * 9_000
    body = decode(data, cap=8_000)
    assert (body.kind, body.tree) == (kind, None)
    assert body.text == ("Trouble" if kind == "html" else "")
    assert len(body.excerpt) <= 8_192
    assert [decode(b"[1]", cap=cap).tree for cap in (2, 3)] == [None, [1]]


BOMBS = [
    '<!DOCTYPE a [<!ENTITY a0 "ha">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    + "]><a>&a11;</a>",
    f'<!DOCTYPE a [<!ENTITY a "{"x" * 30_000}">]><a>{"&a;" * 5_000}</a>',
    "<!DOCTYPE a [<!ENTITY % a \"<!ENTITY b '%a;'>\"> %a;]><a>&b;</a>",
    '<!DOCTYPE a [<!ENTITY a "&b;"><!ENTITY b "&a;">]><a>&a;</a>',
    '<?xml version="1.0"><!DOCTYPE a [<!ENTITY a "' + "x" * 30_000 + '">]><a>' + "&a;" * 5_000 + "</a>",
]


@pytest.mark.parametrize("bomb", BOMBS, ids=["laughs", "quadratic", "parameter", "loop", "hidden"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32-be"])
def test_bombs_do_not_go_off(bomb, encoding):
    body = decode(bomb.encode(encoding), cap=1_000_000)
    assert body.kind == "xml"
    assert body.tree is None
    assert json.dumps(body.excerpt).count("ha") < 9_000


@pytest.mark.parametrize(
    "between",
    ["\x0b", "\0", "\uffff", "&#0;", "&#x0c;", "<!-- c -->", "<?pi?>", "<![CDATA[]]>", "&nbsp;", "\u200b"],
)
@pytest.mark.parametrize("ill", ["", "<br>"])
def test_what_is_no_text_joins_no_secret_to_the_word_before_it(between, ill):
    key = "sk_live_" + "51Zebrafinch726123quokka"
    body = f"<Error><Code>X</Code><Message>nonsense{between}{key} no</Message>{ill}</Error>"
    error = errnorm.parse(body.encode(), status=400, vendor="aws-s3")
    assert error.vendor_message.split() in (["nonsense", "[key]", "no"], ["nonsense[key]", "no"])
    assert error.vendor_code == "X"
