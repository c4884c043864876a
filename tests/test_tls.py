"""Poe is reached over TLS, directly and through a proxy."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.gateway import Gateway, content_of, free_port, message_of
from tests.upstream.relays import Connect, Relay, over_tls
from tests.upstream.scripted import DONE, ScriptedUpstream, answer, text

FINE = answer(text("fine, "), text("safely"), DONE)


class Certified:
    """The scripted upstream behind TLS, its certificate for ``name``."""

    def __init__(self, upstream: ScriptedUpstream, folder: Path, name: str = "localhost") -> None:
        authority = trustme.CA()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert(name).configure_cert(context)
        self.bundle = folder / "authority.pem"
        authority.cert_pem.write_to_path(self.bundle)
        self.relay = Relay(int(upstream.url.rpartition(":")[2]), over_tls(context))
        self.url = f"https://localhost:{self.relay.port}"


@pytest.fixture
def certified(upstream: ScriptedUpstream, tmp_path: Path) -> Iterator[Certified]:
    made = Certified(upstream, tmp_path)
    yield made
    made.relay.stop()


def test_an_authority_of_ones_own_is_trusted_and_connections_are_kept(
    certified: Certified, upstream: ScriptedUpstream, start_gateway
) -> None:
    gateway: Gateway = start_gateway(
        certified.url, REQUESTS_CA_BUNDLE=str(certified.bundle), WEB_CONCURRENCY="1"
    )
    bot = upstream.bot(FINE, FINE, FINE)
    assert message_of(gateway.ask(bot.name))["content"] == "fine, safely"
    before = certified.relay.accepted
    assert content_of(gateway.stream(bot.name)) == "fine, safely"
    assert message_of(gateway.ask(bot.name))["content"] == "fine, safely"
    assert certified.relay.accepted == before


def test_a_long_answer_arrives_whole(certified: Certified, upstream: ScriptedUpstream, start_gateway) -> None:
    gateway: Gateway = start_gateway(certified.url, REQUESTS_CA_BUNDLE=str(certified.bundle))
    words = "many words " * 40_000
    bot = upstream.bot(answer(text(words), DONE))
    assert message_of(gateway.ask(bot.name, "x" * 1_000_000))["content"] == words
    assert len(bot.query.json["query"][0]["content"]) == 1_000_000


@pytest.mark.parametrize("case", ["unknown authority", "another name"])
def test_who_cannot_be_trusted_is_told_nothing(
    upstream: ScriptedUpstream, start_gateway, tmp_path: Path, case: str
) -> None:
    certified = Certified(upstream, tmp_path, "localhost" if case == "unknown authority" else "other.example")
    trusted = {"REQUESTS_CA_BUNDLE": str(certified.bundle)} if case == "another name" else {}
    gateway: Gateway = start_gateway(certified.url, WEB_CONCURRENCY="1", **trusted)
    bot = upstream.bot(FINE)
    response = gateway.ask(bot.name)
    assert response.status_code == 502
    assert "TLS" in response.json()["error"]["message"]
    assert bot.queries == []
    certified.relay.stop()


def test_a_proxy_connects_through(certified: Certified, upstream: ScriptedUpstream, start_gateway) -> None:
    proxy = Connect()
    relay = Relay(certified.relay.port, proxy)
    gateway: Gateway = start_gateway(
        certified.url,
        REQUESTS_CA_BUNDLE=str(certified.bundle),
        HTTPS_PROXY=f"http://me:pass%20word@127.0.0.1:{relay.port}",
        WEB_CONCURRENCY="1",
    )
    bot = upstream.bot(FINE)
    assert message_of(gateway.ask(bot.name))["content"] == "fine, safely"
    assert bot.query.path == f"/bot/{bot.name}"
    head = proxy.heads[-1]
    assert head.startswith(f"CONNECT localhost:{certified.relay.port} HTTP/1.1\r\n")
    assert "Proxy-Authorization: Basic bWU6cGFzcyB3b3Jk\r\n" in head
    assert "proxy-authorization" not in bot.query.headers
    relay.stop()


def test_a_proxy_that_refuses_is_named(certified: Certified, start_gateway) -> None:
    relay = Relay(certified.relay.port, Connect("407 Proxy Authentication Required"))
    gateway: Gateway = start_gateway(
        certified.url, HTTPS_PROXY=f"127.0.0.1:{relay.port}", WEB_CONCURRENCY="1"
    )
    response = gateway.ask("anyone")
    assert response.status_code == 502
    assert "407" in response.json()["error"]["message"]
    relay.stop()


@pytest.mark.parametrize("proxy", ["127.0.0.1:{}", "proxy.invalid:{}"], ids=["nobody", "no name"])
def test_a_proxy_that_is_not_there_is_named(start_gateway, proxy: str) -> None:
    settings = {"HTTPS_PROXY": proxy.format(free_port()), "WEB_CONCURRENCY": "1"}
    response = start_gateway("https://poe.example", **settings).ask("anyone")
    assert response.status_code == 502
    assert response.json()["error"]["message"] == "The proxy to Poe could not be reached."
