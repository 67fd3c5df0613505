"""The page at /docs/ lives by this server's files alone, under the policy that every answer carries."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import pytest
from django.test import Client

from anyvar_site.middleware import POLICY
from tests.api.conftest import body

pytestmark = pytest.mark.django_db

HERE = "http://testserver"
LOADED = {"script": "src", "link": "href", "img": "src", "iframe": "src"}


class Page(HTMLParser):
    """What a page loads, and what it holds that the policy would not let act."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.inline: list[str] = []
        self._open = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._open = tag
        if address := given.get(LOADED.get(tag, "")):
            self.loaded.append(address)
        self.inline += [name for name in given if name == "style" or name.startswith("on")]

    def handle_data(self, data: str) -> None:
        if self._open in ("script", "style") and data.strip():
            self.inline.append(self._open)

    def handle_endtag(self, tag: str) -> None:
        self._open = ""


def page(client: Client) -> Page:
    answer = client.get("/docs/")
    assert answer["Content-Security-Policy"] == POLICY
    return Page(answer.content.decode())


def test_it_holds_nothing_that_the_policy_forbids(client: Client) -> None:
    assert "'unsafe-inline'" not in POLICY
    assert page(client).inline == []


def test_what_it_loads_is_this_servers_own_and_there(client: Client) -> None:
    loaded = page(client).loaded
    assert len(loaded) > 5
    for address in loaded:
        where = urlsplit(urljoin(f"{HERE}/docs/", address))
        answer = client.get(f"{where.path}?{where.query}")
        assert (f"{where.scheme}://{where.netloc}", answer.status_code) == (HERE, 200), address
        assert body(answer)


def test_its_style_sheets_load_nothing_from_elsewhere(client: Client) -> None:
    for address in page(client).loaded:
        if address.endswith(".css"):
            sheet = body(client.get(address)).decode()
            assert [url for url in re.findall(r"url\(([^)]{1,20})", sheet) if "data:" not in url] == []
            assert "@import" not in sheet


def test_its_script_asks_for_the_document_that_is_there(client: Client) -> None:
    (address,) = [address for address in page(client).loaded if "script" in urlsplit(address).query]
    script = body(client.get(address)).decode()
    (document,) = re.findall(r'url: "([^"]+)"', script)
    answer = client.get(document.encode().decode("unicode_escape"))
    assert answer.status_code == 200
    assert b"operationId: get_vcf" in body(answer)


def test_a_page_with_an_inline_style_is_found_out() -> None:
    assert Page('<style>a{}</style><p onclick="x" style="y">').inline == ["style", "onclick", "style"]
