"""Which pages may send requests to the panel's API."""

from __future__ import annotations

import pytest
from flask import Flask, request

from app.admin.origins import check_origin
from app.errors import ApiError

APP = Flask(__name__)


def is_refused(host: str = "poe.example:8080", **headers: str) -> bool:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    with APP.test_request_context("/api/models", headers={"Host": host} | fields):
        try:
            check_origin(request)
        except ApiError as error:
            return error.status == 403
    return False


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_what_browsers_call_the_same_origin_passes_however_a_proxy_names_the_host(site: str) -> None:
    assert not is_refused("127.0.0.1:8080", Sec_Fetch_Site=site, Origin="https://poe.example")


@pytest.mark.parametrize("site", ["cross-site", "same-site", "anything"])
def test_other_sites_are_refused(site: str) -> None:
    assert is_refused(Sec_Fetch_Site=site)
    assert is_refused(Sec_Fetch_Site=site, Origin="http://poe.example:8080")


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("poe.example:8080", "http://poe.example:8080"),
        ("POE.example:8080", "http://poe.EXAMPLE:8080"),
        ("poe.example", "http://poe.example"),
        ("poe.example", "https://poe.example"),
        ("poe.example:443", "https://poe.example"),
        ("poe.example", "https://poe.example:443"),
        ("[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_an_origin_of_the_same_host_passes(host: str, origin: str) -> None:
    assert not is_refused(host, Origin=origin)


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "http://evil.example",
        "http://poe.example",
        "http://poe.example:8081",
        "http://poe.example.evil.example:8080",
        "http://poe.example:8080@evil.example",
        "http://poe.example:port",
        "http://[::1",
        "poe.example:8080",
    ],
)
def test_any_other_origin_is_refused(origin: str) -> None:
    assert is_refused(Origin=origin)


def test_what_is_no_page_says_neither_and_passes() -> None:
    assert not is_refused()
