"""Which proxies are trusted about the client, and below which path the gateway is published."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.proxies import Proxies, parse_address
from tests.admin.conftest import ADMIN
from tests.gateway import Gateway, eventually
from tests.upstream.scripted import ScriptedUpstream

TRUSTED = tuple(map(ip_network, ("10.0.0.0/8", "fd00::/8", "127.0.0.1")))


def seen(peer: str = "10.0.0.1", path: str = "/admin", prefix: str = "", **headers: str) -> dict[str, Any]:
    """What the application is told of a request."""
    told: dict[str, Any] = {}

    def application(environ: dict[str, Any], _: Any) -> list[bytes]:
        told.update(environ)
        return []

    environ = {
        "REMOTE_ADDR": peer,
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        "HTTP_HOST": "gateway",
        "wsgi.url_scheme": "http",
    }
    environ |= {f"HTTP_X_FORWARDED_{name.upper()}": value for name, value in headers.items()}
    Proxies(application, TRUSTED, prefix)(environ, None)
    return told


@pytest.mark.parametrize(
    ("peer", "hops", "client"),
    [
        ("10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "203.0.113.7, 10.0.0.2,fd00::1", "203.0.113.7"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.7, _hidden, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "203.0.113.7,", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.7:4711", "203.0.113.7"),
        ("10.0.0.1", "[2001:db8::7]:4711", "2001:db8::7"),
        ("10.0.0.1", "[2001:db8::7]", "2001:db8::7"),
        ("10.0.0.1", "2001:db8::7", "2001:db8::7"),
        ("10.0.0.1", "::ffff:203.0.113.7", "203.0.113.7"),
        ("::ffff:10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("fd00::5", "203.0.113.7", "203.0.113.7"),
        ("192.0.2.1", "203.0.113.7", "192.0.2.1"),
        ("2001:db8::1", "203.0.113.7", "2001:db8::1"),
        ("127.0.0.2", "203.0.113.7", "127.0.0.2"),
    ],
)
def test_the_client_is_the_nearest_hop_that_is_not_trusted(peer: str, hops: str, client: str) -> None:
    assert seen(peer, For=hops)["REMOTE_ADDR"] == client


@given(st.text(max_size=60), st.lists(st.ip_addresses().map(str), max_size=3))
def test_what_a_client_writes_never_names_another_client(written: str, proxies: list[str]) -> None:
    inner = [f"10.0.0.{number + 2}" for number in range(len(proxies))]
    hops = ", ".join([written, "203.0.113.7", *inner])
    assert seen(For=hops)["REMOTE_ADDR"] == "203.0.113.7"


@pytest.mark.parametrize("peer", ["192.0.2.1", "::1", "2001:db8::1"])
def test_who_is_not_trusted_says_nothing_that_counts(peer: str) -> None:
    told = seen(peer, For="203.0.113.7", Proto="https", Host="evil.example", Prefix="/evil")
    assert told["REMOTE_ADDR"] == peer
    assert told["wsgi.url_scheme"] == "http"
    assert told["HTTP_HOST"] == "gateway"
    assert told["SCRIPT_NAME"] == ""


def test_a_trusted_proxy_says_how_the_gateway_is_seen() -> None:
    told = seen(Proto="https", Host="poe.example:8443", Prefix="/poe/")
    assert told["wsgi.url_scheme"] == "https"
    assert told["HTTP_HOST"] == "poe.example:8443"
    assert told["SCRIPT_NAME"] == "/poe"
    assert told["PATH_INFO"] == "/admin"


def test_of_several_values_the_nearest_proxys_counts() -> None:
    told = seen(Proto="ftp, https", Host="evil.example, poe.example", Prefix="/evil,/poe")
    assert told["wsgi.url_scheme"] == "https"
    assert told["HTTP_HOST"] == "poe.example"
    assert told["SCRIPT_NAME"] == "/poe"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Proto", "javascript"),
        ("Proto", ""),
        ("Host", "a b"),
        ("Host", 'x"><script>'),
        ("Host", "user@host"),
        ("Prefix", "poe"),
        ("Prefix", "//evil.example"),
        ("Prefix", '/"><script>'),
        ("Prefix", "/"),
        ("Prefix", "/a b"),
    ],
)
def test_what_makes_no_sense_is_ignored(name: str, value: str) -> None:
    told = seen(**{name: value})
    assert (told["wsgi.url_scheme"], told["HTTP_HOST"], told["SCRIPT_NAME"]) == ("http", "gateway", "")


@pytest.mark.parametrize(
    ("path", "left"),
    [
        ("/poe/admin", "/admin"),
        ("/poe", "/"),
        ("/poe/", "/"),
        ("/poems", "/poems"),
        ("/healthz", "/healthz"),
        ("/poe/poe/admin", "/poe/admin"),
    ],
)
def test_a_prefix_is_taken_off_where_it_is(path: str, left: str) -> None:
    told = seen("192.0.2.1", path, "/poe")
    assert told["PATH_INFO"] == left
    assert told["SCRIPT_NAME"] == "/poe"


@given(st.text(max_size=50))
def test_any_text_is_an_address_or_none(text: str) -> None:
    address = parse_address(text)
    assert address is None or parse_address(str(address)) == address


# Over the wire.

GUESS = ("admin", "wrong")
Start = Callable[..., Gateway]


@pytest.fixture(scope="module")
def proxied(upstream: ScriptedUpstream, start_shared_gateway: Start) -> Gateway:
    """A gateway that trusts 127.0.0.1, where its clients here are."""
    return start_shared_gateway(upstream.url, TRUSTED_PROXIES="127.0.0.1, ::1")


def guesses(gateway: Gateway, times: int, **headers: str) -> list[int]:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return [gateway.http.get("/admin", auth=GUESS, headers=fields).status_code for _ in range(times)]


def test_clients_behind_a_trusted_proxy_are_told_apart(proxied: Gateway) -> None:
    assert guesses(proxied, 12, X_Forwarded_For="203.0.113.1") == [401] * 10 + [429] * 2
    assert guesses(proxied, 1, X_Forwarded_For="203.0.113.2") == [401]
    spoofed = [guesses(proxied, 1, X_Forwarded_For=f"198.51.100.{n}, 203.0.113.2")[0] for n in range(11)]
    assert spoofed == [401] * 9 + [429] * 2


def test_a_customers_ipv6_network_counts_as_one_address(proxied: Gateway) -> None:
    statuses = [guesses(proxied, 1, X_Forwarded_For=f"2001:db8:0:1:{n:x}::1")[0] for n in range(12)]
    assert statuses == [401] * 10 + [429] * 2
    assert guesses(proxied, 1, X_Forwarded_For="2001:db8:0:2::1") == [401]


def test_without_trust_nobody_gets_more_tries_by_forwarding(
    upstream: ScriptedUpstream, start_gateway
) -> None:
    gateway = start_gateway(upstream.url)
    statuses = [guesses(gateway, 1, X_Forwarded_For=f"203.0.113.{n}", Forwarded=f"for=203.0.113.{n}")[0]
                for n in range(12)]  # fmt: skip
    assert statuses == [401] * 10 + [429] * 2


def test_the_log_has_the_clients_address(proxied: Gateway) -> None:
    response = proxied.http.get("/v1/nothing", headers={"X-Forwarded-For": "203.0.113.9"})
    line = rf'id={response.headers["x-request-id"]} client="203\.0\.113\.9" status=404'
    eventually(lambda: re.search(line, proxied.log.read_text()))


def test_urls_are_those_that_the_client_sees(proxied: Gateway) -> None:
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "poe.example", "X-Forwarded-Prefix": "/poe"}
    assert "https://poe.example/poe/v1." in proxied.http.get("/nothing", headers=headers).text
    page = proxied.http.get("/admin", headers=headers, auth=ADMIN).text
    assert 'data-base="/poe"' in page
    assert not re.search(r'(src|href)="/(?!poe/)', page)


def test_the_host_that_a_trusted_proxy_names_is_the_panels_origin(proxied: Gateway, panel: Gateway) -> None:
    def status(gateway: Gateway, **headers: str) -> int:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return gateway.http.get("/api/admin/config", auth=ADMIN, headers=fields).status_code

    forwarded = {"X_Forwarded_Host": "poe.example", "X_Forwarded_Proto": "https"}
    assert status(proxied, Origin="https://poe.example", **forwarded) == 200
    assert status(proxied, Origin="https://evil.example", **forwarded) == 403
    assert status(panel, Origin="https://poe.example", **forwarded) == 403
    assert status(panel, Origin=panel.url) == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example", "X-Forwarded-Prefix": "/evil"},
        {"SCRIPT_NAME": "/evil", "PATH_INFO": "/evil", "X_Forwarded_Prefix": "/evil"},
        {"X-Forwarded-Ssl": "on", "X-Forwarded-Protocol": "ssl"},
    ],
)
def test_without_trust_no_url_is_anybody_elses(panel: Gateway, headers: dict[str, str]) -> None:
    with panel.connect() as client:
        response = client.request("GET", "/nothing", headers=headers).response()
    assert response.status == 404
    assert b"http://gateway/v1." in response.body
    assert b"evil" not in response.body


def test_below_a_path_that_stays_on_requests_all_works(upstream: ScriptedUpstream, start_gateway) -> None:
    gateway = start_gateway(upstream.url, SCRIPT_NAME="/poe/")
    assert gateway.http.get("/poe/").json()["name"] == "poe2openai"
    page = gateway.http.get("/poe/admin", auth=ADMIN)
    assert 'data-base="/poe"' in page.text
    assert gateway.http.get("/poe/admin").status_code == 401
    assert gateway.http.get("/poe/healthz").status_code == gateway.http.get("/healthz").status_code == 200
    assert gateway.http.get("/poems").status_code == 404
    assert gateway.http.get("/poe/api/admin/config", auth=ADMIN).status_code == 200
    assert gateway.http.post("/poe/api/admin/config", auth=ADMIN, json={"note": "x"}).status_code == 200
    for path in ("/poe/admin", "/poe/static/nothing", "/poe/api/nothing"):
        assert "access-control-allow-origin" not in gateway.http.get(path).headers
    assert "access-control-allow-origin" in gateway.http.options("/poe/v1/models").headers
