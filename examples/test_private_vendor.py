"""A vendor of two files is read, told and checked like a built-in one."""

import subprocess
import sys
from pathlib import Path

import pytest
from fake_vendor import FakeVendor

import errnorm

FOLDER = Path(__file__).parent / "private_vendor"


def run(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *map(str, command)], capture_output=True, text=True, check=False)


def test_the_script_prints_what_it_read():
    done = run(FOLDER / "use_acme.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "acme BAD_ADDRESS 422\nThe address does not exist. Please check it.\n['#/address/postcode']\n"


def test_errnorm_check_finds_nothing_wrong():
    done = run("-m", "errnorm", "check", FOLDER / "acme.toml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_errnorm_check_names_the_place_of_a_mistake(tmp_path):
    right = (FOLDER / "acme.toml").read_text(encoding="utf-8")
    (tmp_path / "acme.toml").write_text(right.replace('"not_found"', '"not_fond"'), encoding="utf-8")
    (tmp_path / "acme.samples.toml").write_bytes((FOLDER / "acme.samples.toml").read_bytes())
    done = run("-m", "errnorm", "check", tmp_path / "acme.toml")
    assert done.returncode == 1
    assert "codes.no_such_depot" in done.stdout + done.stderr


def test_over_http_also_under_a_200():
    httpx = pytest.importorskip("httpx")
    normalizer = errnorm.Normalizer(paths=[str(FOLDER)])
    with FakeVendor(FOLDER / "acme.toml") as vendor, httpx.Client(base_url=vendor.url) as client:
        well = client.get("/acme/an-order-that-went-through")
        assert normalizer.raise_for_error(well, vendor="acme") is well
        with pytest.raises(errnorm.VendorError, match="LABEL_PRINTED_ALREADY"):
            normalizer.raise_for_error(client.get("/acme/a-failure-under-a-200"), vendor="acme")
