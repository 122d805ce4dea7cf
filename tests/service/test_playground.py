"""The playground as it is served: its headers, that it is whole, that it needs no key, that it is in the package."""

import gzip
import re

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from setuptools.dist import Distribution

from service.rest.envelope import install_errors
from service.rest.playground import FOLDER, TYPES, add_playground
from tests.test_architecture import ROOT

FILES = sorted(path.name for path in FOLDER.iterdir())
PLAIN = {"accept-encoding": "identity"}


@pytest.fixture(scope="module")
def site():
    """The page alone, without an API to ask."""
    app = FastAPI()
    install_errors(app)
    add_playground(app)
    with TestClient(app) as client:
        yield client


def test_the_page_and_its_files_are_served_as_what_they_are(site):
    page = site.get("/", headers=PLAIN)

    assert page.content == (FOLDER / "index.html").read_bytes()
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for name in FILES:
        reply = site.get(f"/playground/{name}", headers=PLAIN)
        assert reply.content == (FOLDER / name).read_bytes()
        assert reply.headers["content-type"] == TYPES[f".{name.rpartition('.')[2]}"]
        assert reply.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/playground/none.js", "/playground/..%2Frest%2Fapp.py", "/playground/"])
def test_there_is_nothing_else(site, path):
    reply = site.get(path)

    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "not_found")


def test_the_policy_lets_nothing_in_from_elsewhere_and_nothing_inline(site):
    told = site.get("/").headers["content-security-policy"]
    policy = {name: set(rest) for name, *rest in map(str.split, told.split(";"))}

    assert policy["default-src"] == {"'none'"}
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == {"'self'"}
    assert policy["img-src"] == policy["media-src"] == {"'self'", "blob:"}
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == {"'none'"}
    assert "'script'" in policy["require-trusted-types-for"]
    assert "unsafe" not in told


def test_a_browser_asks_again_by_the_tag_and_is_told_that_it_has_it(site):
    for headers in (PLAIN, {"accept-encoding": "gzip"}):
        first = site.get("/playground/main.js", headers=headers)
        again = site.get(
            "/playground/main.js", headers=headers | {"if-none-match": f'"other", W/{first.headers["etag"]}'}
        )

        assert first.headers["cache-control"] == "no-cache"
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        assert again.headers["content-security-policy"] == first.headers["content-security-policy"]


def test_tags_tell_files_and_packings_apart(site):
    tags = {
        site.get(f"/playground/{name}", headers={"accept-encoding": coding}).headers["etag"]
        for name in FILES
        for coding in ("gzip", "identity")
    }

    assert len(tags) == 2 * len(FILES)


def test_the_page_is_small_on_its_way(site):
    with site.stream("GET", "/", headers={"accept-encoding": "gzip"}) as reply:
        packed = b"".join(reply.iter_raw())

    assert reply.headers["content-encoding"] == "gzip"
    assert reply.headers["vary"] == "accept-encoding"
    assert gzip.decompress(packed) == (FOLDER / "index.html").read_bytes()
    assert sum(len(gzip.compress((FOLDER / name).read_bytes())) for name in FILES) < 60_000


def test_its_head_is_told_without_it(site):
    assert site.head("/").headers["etag"] == site.get("/").headers["etag"]
    assert site.head("/").content == b""


def test_it_needs_no_key_where_the_api_needs_one(http, keys):
    keys.create("a")

    assert http.get("/").status_code == http.get("/playground/main.js").status_code == 200
    assert http.get("/v1/models").status_code == 401


def test_the_page_names_all_of_its_modules_and_style_sheets_and_nothing_else():
    page = (FOLDER / "index.html").read_text()
    preloaded = re.findall(r'rel="modulepreload" href="/playground/([^"]+)"', page)
    sheets = re.findall(r'rel="stylesheet" href="/playground/([^"]+)"', page)

    assert preloaded == [name for name in FILES if name.endswith(".js") and name != "theme.js"]
    assert sorted(sheets) == [name for name in FILES if name.endswith(".css")]


def test_nothing_in_it_is_inline_or_leads_elsewhere():
    page = (FOLDER / "index.html").read_text()

    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
    assert re.findall(r"\sstyle=|<style|\son\w+=", page) == []
    for name in FILES:
        addresses = re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"]*", (FOLDER / name).read_text())
        assert set(addresses) <= {"http://www.w3.org/2000/svg"}, name


def test_no_module_of_it_is_longer_than_a_sitting_and_none_makes_markup_of_text():
    for name in FILES:
        text = (FOLDER / name).read_text()
        assert len(text.splitlines()) <= 300, name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text), name


def test_all_of_it_is_in_the_package(monkeypatch):
    monkeypatch.chdir(ROOT)
    package = Distribution()
    package.parse_config_files()
    package.script_name, package.include_package_data = (
        "setup.py",
        False,
    )  # what is declared, whatever git knows
    build = package.get_command_obj("build_py")
    build.ensure_finalized()
    packed = {name for kind, _, _, names in build.data_files if kind == "service" for name in names}

    assert packed == {f"playground/{name}" for name in FILES}
