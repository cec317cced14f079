"""A path leads to the same place in JSON and in XML, through lists, within bounds; what it finds is text or nothing."""
# ruff: noqa: E501

from itertools import count

import pytest
from hypothesis import given, strategies as st

from errnorm.reading.bodies import decode
from errnorm.reading.headers import Headers
from errnorm.reading.nodes import BESIDE, PLACES, leads, leaves, opened, text_of
from errnorm.reading.paths import Exchange, View, cutter, finder, unit_of
from errnorm.vendors.profile import ProfileError, Spot


def view_of(body, headers=()):
    view = View(Exchange(headers=Headers(headers)), decode(body), attributes=True)
    view.error = view.root
    return view


BODY = '{"a":{"b":"B","c":[{"d":"D1"},{"e":1},{"d":"D2"}],"n":null,"z":0},"list":[[{"d":"in"}],"x"],"d":"top","f":1.5,"t":true,"":"e"}'
XML = "<r i='I'><a j='J'><b>B</b><c><d>D1</d></c><c><e>1</e></c><c><d>D2</d></c><n/><z>0</z></a><d>top</d><p:q xmlns:p='u' p:k='K'> Q </p:q></r>"
# path: text in JSON, text in XML
PATHS = {
    "/a/b": ("B", "B"), "a/b": ("B", "B"), "/a/c/d": ("D1", "D1"), "/a/c/e": ("1", "1"), "/a/z": ("0", "0"), "/d": ("top", "top"),
    "//c/d": ("D1", "D1"), "//b": ("B", "B"), "//nothing": ("", ""), "/list/d": ("in", ""), "/list": ("x", ""), "/f": ("1.5", ""), "/t": ("true", ""),
    "/a": ("", ""), "/a/n": ("", ""), "/a/n/x": ("", ""), "/a/b/x": ("", ""), "/x/y/z": ("", ""), "/A/b": ("", ""), "/": ("", ""), ".": ("", ""),
    "@i": ("", "I"), "/@i": ("", "I"), "a/@j": ("", "J"), "/a/@i": ("", ""), "q": ("", "Q"), "/p:q": ("", ""), "q/@k": ("", "K"),
    "header:X-A": ("v", "v"), "header: x-a ": ("v", "v"), "header:X-B": ("", ""),
}  # fmt: skip


@pytest.mark.parametrize(("path", "texts"), PATHS.items(), ids=count())
def test_a_path_leads_to_a_text(path, texts):
    for body, text in zip((BODY, XML), texts, strict=True):
        assert text_of(finder(path)(view_of(body, [("X-A", "v")]))) == text


@pytest.mark.parametrize(
    "path", ["", "a/b/", "/a/", "a//b", "/a//b", "a[0]", "/a/*", "a/b[*]", "///a", "//", "[*]", "*"]
)
def test_what_is_no_path_is_refused(path):
    with pytest.raises(ProfileError, match="is no path"):
        finder(path)


# text at the place, after, before: what the knife leaves
KNIVES = [
    ("com.x#Throttled:http://y", "#", ":", "Throttled"), ("Throttled:http", "#", ":", None), ("Throttled:http", "", ":", "Throttled"), ("Throttled", "", ":", "Throttled"),
    ("a#b#c", "#", "", "c"), ("a#", "#", "", None), (":x", "", ":", None), ('Bearer error="e", error="f"', 'error="', '"', "f"), ("", "#", "", None), ("plain", "", "", "plain"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "after", "before", "left"), KNIVES, ids=count())
def test_a_knife_leaves_what_is_behind_the_last_and_before_the_first(text, after, before, left):
    assert cutter(Spot("header:x", after, before))(view_of("{}", [("X", text)])) == left


def test_a_unit_belongs_to_a_place():
    assert (unit_of("a"), unit_of(Spot("a")), unit_of(Spot("a", unit="ms"))) == (None, None, "ms")


# JSON: whether it leads somewhere
LEADS = {
    "null": False, "false": False, '""': False, '" \\n"': False, "{}": False, "[]": False, "[null]": False, '[""," "]': False, "[{}]": False, "[[],[false]]": False,
    "true": True, "0": True, "0.0": True, '"x"': True, '{"a":null}': True, "[0]": True, '["","x"]': True, '[[["x"]]]': True,
}  # fmt: skip


@pytest.mark.parametrize(("value", "somewhere"), LEADS.items())
def test_what_is_empty_leads_nowhere(value, somewhere):
    assert leads(decode(f'{{"a":{value}}}').tree["a"]) is somewhere


@pytest.mark.parametrize(
    ("xml", "somewhere"),
    [
        ("<a/>", False),
        ("<a> \n</a>", False),
        ("<a><b/><c> </c></a>", False),
        ("<a b=''/>", False),
        ("<a b='1'/>", True),
        ("<a>x</a>", True),
        ("<a><b><c>0</c></b></a>", True),
    ],
    ids=count(),
)
def test_an_element_of_blanks_is_empty(xml, somewhere):
    assert leads(decode(xml).tree) is somewhere


def test_an_element_opens_into_a_mapping():
    tree = decode("<r k='v'>t<a>1</a><a>2</a><b/><x:c xmlns:x='u'>3</x:c>&nope;</r>").tree
    assert opened(tree) == {"a": ["1", "2"], "b": "", "c": "3", "@k": "v", ".": "t"}
    assert opened(tree, attributes=False) == {"a": ["1", "2"], "b": "", "c": "3", ".": "t"}
    assert opened(decode("<r> t </r>").tree) == " t "


def test_looking_everywhere_has_bounds():
    assert text_of(finder("//k")(view_of('{"x":[' + "0," * 9_000 + '{"k":"far"}]}'))) == ""
    assert text_of(finder("//k")(view_of('{"a":' * 30 + '{"k":"deep"}' + "}" * 30))) == "deep"
    many = '{"x":[' + ",".join(['{"k":{"c":"v"}}'] * 3_000) + "]}"
    assert len(finder("//k")(view_of(many))) <= PLACES
    assert len(finder("//k/c")(view_of(many))) <= PLACES
    assert len(finder("/x/k")(view_of(many))) == BESIDE
    xml = "<r>" + "<k>v</k>" * 3_000 + "</r>"
    assert len(finder("//k")(view_of(xml))) <= PLACES
    assert len(list(leaves([[[]] * 50_000, "x"]))) <= PLACES


def test_many_jobs_are_all_looked_at():
    """A failed job may be the last of some hundreds."""
    jobs = ",".join(['{"r":{"c":null}}'] * 900) + ',{"r":{"c":"E"}}'
    assert text_of(finder("//r/c")(view_of(f'{{"jobs":[{jobs}]}}'))) == "E"


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=25,
)


@given(TREES, st.lists(st.sampled_from("abc"), min_size=1, max_size=4), st.sampled_from(["", "/", "//"]))
def test_no_tree_raises(tree, names, start):
    from errnorm.reading.bodies import Body

    view = View(Exchange(), Body("json", tree))
    view.error = view.root
    node = finder(start + "/".join(names))(view)
    assert isinstance(text_of(node), str)
    assert isinstance(leads(node), bool)
