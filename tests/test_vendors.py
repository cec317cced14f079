"""What is known of the built-in vendors is complete: right samples, texts, docs, a fresh index."""

from __future__ import annotations

import re
from textwrap import dedent

import msgspec
import pytest

from errnorm.checking import check
from errnorm.families import Action, Fault, Verdict
from errnorm.reading.parsing import Reader
from errnorm.reading.rulings import foretold
from errnorm.samples import Sample, built_in_files, samples_of
from errnorm.vendors import registry
from errnorm.vendors.profile import Then

DIALECTS = [name for name, file in built_in_files().items() if file.parent.name == "dialects"]
VENDORS = [name for name in built_in_files() if name not in DIALECTS]
every_profile = pytest.mark.parametrize("name", [*VENDORS, *DIALECTS])
complete = pytest.mark.parametrize("name", ["lionbridge", "phrase-tms", "phase", "risumail", "generic"])
first_vendors = pytest.mark.parametrize("name", ["lionbridge", "phrase-tms", "phase", "risumail"])
every_vendor = pytest.mark.parametrize("name", VENDORS)


def samples(name: str) -> list[Sample]:
    return samples_of(built_in_files()[name])


def test_the_index_is_fresh():
    indexed = msgspec.json.decode(registry.INDEX.read_bytes(), type=dict[str, registry.Entry])
    fresh = registry.built_in()
    assert msgspec.to_builtins(indexed) == msgspec.to_builtins(fresh), "python -m errnorm.vendors writes it anew"


@every_profile
def test_a_profile_has_no_findings_and_every_sample_is_read_as_it_says(name):
    assert check(built_in_files()[name]).findings == []


@every_profile
def test_a_profile_bears_the_name_of_its_file(name):
    assert built_in_files()[name].name == f"{name}.toml"


@every_profile
def test_a_profile_names_its_documents(name):
    assert registry.get(name).docs.startswith("https://")


@every_vendor
def test_a_vendor_says_what_it_speaks_and_where_it_answers(name):
    profile = registry.get(name)
    assert profile.speaks
    assert profile.hosts


@every_profile
def test_the_titles_of_samples_tell_them_apart(name):
    titles = [sample.title for sample in samples(name)]
    assert [title for title in titles if titles.count(title) > 1] == []


@first_vendors
def test_every_code_and_status_of_the_first_vendors_has_a_text(name):
    profile = registry.get(name)
    assert [address for address, then in profile.rows() if not then.text and not address.startswith("rules.")] == []


@every_profile
def test_what_a_user_is_told_apart_has_a_text(name):
    profile = registry.get(name)
    told = [
        (address, then)
        for address, then in profile.rows()
        if then.fault is Fault.USER or then.public or then.action is Action.RECONNECT
    ]
    assert [address for address, then in told if not then.text] == []


@every_profile
def test_whom_trying_again_does_not_help_is_not_offered_it(name):
    """The page's link repeats the address that was refused. Where the same call never succeeds, a text must mean that;
    without one, the row must.
    """
    for address, then in registry.get(name).rows():
        table, _, status = address.partition(".")
        error = foretold(registry.get(name), then, int(status) if table == "statuses" else None, None)
        if error.retry.verdict is Verdict.NEVER and error.action in {Action.RETRY, Action.WAIT}:
            offered = all(re.search(r"[Tt]ry again|[Ww]ait\b", each) for each in then.texts)
            assert offered if then.texts else then.action or error.action is Action.WAIT, address


@every_profile
def test_rows_of_one_reason_tell_one_text(name):
    texts: dict[str, set[str]] = {}
    for _, then in registry.get(name).rows():
        if then.reason and then.text:
            texts.setdefault(then.reason, set()).add(then.text)
    assert [reason for reason, several in texts.items() if len(several) > 1] == []


@every_profile
def test_a_sample_reaches_every_row_that_says_more_than_a_family(name):
    reached = {sample.read(Reader().parse, name).rule for sample in samples(name)}
    # a rule is known by its title or number, the other rows by their address
    rows = [address.removeprefix("rules.") for address, then in registry.get(name).rows() if _says_more(then)]
    assert [row for row in rows if f"{name}:{row}" not in reached] == []


@complete
def test_a_sample_reaches_every_row_of_those_that_are_complete(name):
    reached = {sample.read(Reader().parse, name).rule for sample in samples(name)}
    rows = [address.removeprefix("rules.") for address, _ in registry.get(name).rows()]
    assert [row for row in rows if f"{name}:{row}" not in reached] == []


@complete
def test_every_code_of_those_that_are_complete_has_a_sample_that_carries_it(name):
    sent = {code for sample in samples(name) for code in _codes(sample, name)}
    assert [code for code in registry.get(name).codes if code not in sent] == []


def _says_more(then: Then) -> bool:
    return any(value not in (None, False) for key, value in msgspec.structs.asdict(then).items() if key not in _BARE)


_BARE = ("family", "reason")


@every_vendor
def test_a_limit_counts_something_that_is_known(name):
    profile = registry.get(name)
    for limit in profile.limits:
        assert limit.requests or limit.concurrent or limit.remaining  # of the last, answers tell the number
        assert limit.seconds > 0
        assert limit.operation is None or limit.operation in profile.operations


@every_vendor
def test_a_vendor_is_known_by_its_hosts(name):
    for host in registry.get(name).hosts:
        asked = f"any{host}" if host.startswith(".") else host
        assert name in registry.default.at(asked)


def test_the_vendor_of_the_readme_is_one(tmp_path):
    text = (registry.HERE / "README.md").read_text(encoding="utf-8")
    blocks = [dedent(each) for each in re.findall(r"```toml\n(.*?)```", text, re.DOTALL)]
    (profile,) = (each for each in blocks if each.startswith("name"))
    (failed,) = (each for each in blocks if each.startswith("failed"))
    own = profile.replace('"acme"', '"acme-of-the-readme"').replace("[read]", f"{failed}\n[read]")
    file = tmp_path / "acme.toml"
    file.write_text(own)
    file.with_name("acme.samples.toml").write_text("\n".join(each for each in blocks if each.startswith("[[sample]]")))
    checked = check(file)
    assert (checked.samples, checked.findings) == (3, [])


def _codes(sample: Sample, name: str) -> list[str | None]:
    error = sample.read(Reader().parse, name)
    return [
        error.vendor_code,
        *(other.vendor_code for other in error.others),
        (error.rule or "").partition("codes.")[2],
    ]
