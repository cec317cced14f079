"""Whatever is told is problem details as RFC 9457 has them, in JSON and in XML, and says the same in both."""

from __future__ import annotations

import json
import re
from itertools import product

import pytest
from lxml import etree

from errnorm import Normalizer, ProblemField, VendorError
from errnorm.mishaps import LAST_RESORT
from errnorm.telling.catalogues import LANGUAGES
from errnorm.telling.negotiation import MediaType
from errnorm.telling.words import FRAMEWORK
from tests.failures import FAILURES, OCCURRENCE, lionbridge
from tests.problem_details import JSON_SCHEMA, NAME, RELAX_NG

jsonschema = pytest.importorskip("jsonschema")

SCHEMA = jsonschema.Draft202012Validator(JSON_SCHEMA)
GRAMMAR = etree.RelaxNG(etree.fromstring(RELAX_NG))
FIELDS = {"lionbridge": {"fields": {"a.b": "address.street", "c": "x/y~z ü"}}}
BARE = Normalizer(vendors=FIELDS)
TYPED = Normalizer(vendors=FIELDS, type_base="https://app.example/problems/")
ERRORS = (ProblemField("#/a/0", 'Not <that> & "this".'), ProblemField("#/b%20c"))


def answers(language):
    """Every failure to every audience, and the app's own errors of every status, as a JSON and an XML answer."""
    for normalizer, failure, audience in product((BARE, TYPED), FAILURES, ("user", "integrator")):
        raised = VendorError(failure.error, occurrence_id=OCCURRENCE)
        problem = normalizer.problem_for(raised, language=language, audience=audience)
        yield failure.title, problem, [normalizer.render(problem, accept=media) for media in MediaType]
    for status, errors in product(range(400, 600), ((), ERRORS)):
        told = [
            BARE.answer_own(status, media, language, errors=errors, retry_after=5 if status in {429, 503} else None)
            for media in MediaType
        ]
        yield str(status), None, told


def plain_of(element):
    """An element as JSON has it: members, items, or text."""
    assert not element.attrib
    if not len(element):
        return element.text or ""
    assert not (element.text or "").strip()
    names = [child.tag.removeprefix("{urn:ietf:rfc:7807}") for child in element]
    if set(names) == {"i"}:
        return [plain_of(child) for child in element]
    assert len(set(names)) == len(names)
    return {name: plain_of(child) for name, child in zip(names, element, strict=True)}


def as_text(value):
    """A JSON value as XML has it: every leaf is text."""
    if isinstance(value, dict):
        return {name: as_text(each) for name, each in value.items()}
    return [as_text(each) for each in value] if isinstance(value, list) else str(value)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_answer_is_problem_details(language):
    for title, problem, rendered in answers(language):
        by_type = {dict(each.headers)["Content-Type"].partition(";")[0]: each for each in rendered}
        assert set(by_type) == {str(media) for media in MediaType}, title
        for each in rendered:
            assert dict(each.headers)["Content-Language"] == language, title
            assert int(dict(each.headers)["Content-Length"]) == len(each.body)
        told = json.loads(by_type["application/problem+json"].body)
        SCHEMA.validate(told)
        root = etree.fromstring(by_type["application/problem+xml"].body)
        GRAMMAR.assertValid(root)
        if problem is None:  # an occurrence each
            continue
        assert told["status"] == by_type["application/problem+json"].status
        assert plain_of(root) == as_text(told), title
        for other in ("text/html", "text/plain"):
            assert told["reference"] in by_type[other].body.decode()


@pytest.mark.parametrize("audience", ["user", "integrator"])
def test_the_names_of_extension_members_survive_xml(audience):
    """RFC 9457, 3.2; with every member that there may be, and those of fields."""
    error = lionbridge(205).replace(fields=(), vendor_request_id="r-1", vendor_status=409)
    problem = BARE.problem_for(error, audience=audience)
    told = type(problem)(**{name: getattr(problem, name) for name in problem.__struct_fields__} | {"errors": ERRORS})
    names = [*told.to_dict(), *told.to_dict()["errors"][0], "retry_after"]
    assert all(re.fullmatch(NAME, name) for name in names), names
    if audience == "integrator":
        assert {"vendor", "vendor_status", "vendor_code", "vendor_message", "vendor_request_id"} <= set(names)


def test_the_schemas_refuse_what_is_off():
    """Or they would prove nothing."""
    (_, _, rendered), *_ = answers("en")
    good = json.loads(rendered[0].body)
    for change in (
        {"status": "409"},
        {"status": 1000},
        {"type": None},
        {"title": 3},
        {"a": "too short a name"},
        {"9lives": "no letter"},
        {"has-hyphen": "x"},
        {"errors": [{"": "x"}]},
        {"instance": "no URI"},
        {"type": "100%"},
    ):
        assert not SCHEMA.is_valid(good | change), change
    for xml in (
        "<problem/>",
        '<problem xmlns="urn:ietf:rfc:7807"><type/><type/></problem>',
        '<problem xmlns="urn:ietf:rfc:7807"><status>many</status></problem>',
        '<problem xmlns="urn:ietf:rfc:7807"><i>lonely</i></problem>',
        '<problem xmlns="urn:ietf:rfc:7807" a="b"/>',
        '<problem xmlns="urn:ietf:rfc:7807">text</problem>',
        '<problem xmlns="urn:ietf:rfc:7807"><errors>a<i>b</i></errors></problem>',
    ):
        assert not GRAMMAR.validate(etree.fromstring(xml)), xml
    assert GRAMMAR.validate(etree.fromstring('<problem xmlns="urn:ietf:rfc:7807"/>'))


def test_the_answer_of_last_resort_is_problem_details_but_for_what_it_cannot_know():
    told = json.loads(LAST_RESORT.body)
    SCHEMA.validate(told | {"instance": "", "reference": ""})


def test_without_a_type_base_a_type_is_about_blank_and_the_title_the_status():
    """RFC 9457, 4.2.1."""
    for status in FRAMEWORK:
        if isinstance(status, int):
            assert json.loads(BARE.answer_own(status).body)["type"] == "about:blank"
    assert TYPED.problem_for(lionbridge(304)).type.startswith("https://app.example/problems/")
