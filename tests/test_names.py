"""Names are looked up together, and a resolver that hangs holds few threads."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from app import names
from app.names import Names
from tests.gateway import LIMIT

MANY = 20
HOST = "poe.example"
GETADDRINFO = socket.getaddrinfo
FOUND = [(socket.AF_INET, ("192.0.2.1", 443))]


class Resolver:
    """Answers when told to, but at once for other hosts, as threads of other tests may ask for them."""

    def __init__(self) -> None:
        self.questions: list[object] = []
        self.may_answer = threading.Event()
        self.knows = True

    def __call__(self, host: str, port: int, **more: Any) -> list[Any]:
        if host != HOST:
            return GETADDRINFO(host, port, **more)
        self.questions.append((host, port))
        assert self.may_answer.wait(LIMIT)
        if not self.knows:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(family, socket.SOCK_STREAM, 6, "", address) for family, address in FOUND]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    resolver = Resolver()
    monkeypatch.setattr(names.socket, "getaddrinfo", resolver)
    return resolver


def ask(pool: ThreadPoolExecutor, asked: Names, seconds: float) -> list[Future[object]]:
    return [pool.submit(asked.addresses, seconds) for _ in range(MANY)]


def test_who_asks_while_a_question_is_under_way_shares_its_answer(resolver: Resolver) -> None:
    asked = Names(HOST, 443)
    with ThreadPoolExecutor(MANY) as pool:
        for each in ask(pool, asked, 0.1):
            with pytest.raises(TimeoutError):
                each.result()
        assert resolver.questions == [(HOST, 443)]
        last = pool.submit(asked.addresses, LIMIT)
        resolver.may_answer.set()
        assert last.result() == FOUND
    assert asked.addresses() == FOUND


def test_what_cannot_be_found_is_told_to_each(resolver: Resolver) -> None:
    resolver.knows = False
    asked = Names(HOST, 443)
    with ThreadPoolExecutor(MANY) as pool:
        answers = ask(pool, asked, LIMIT)
        resolver.may_answer.set()
        for each in answers:
            with pytest.raises(OSError, match="not known"):
                each.result()


def test_a_question_that_hangs_is_asked_once_more_and_no_oftener(
    resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "_FRESH_SECONDS", 0.0)
    asked = Names(HOST, 443)
    for _ in range(MANY):
        with pytest.raises(TimeoutError):
            asked.addresses(0.01)
    assert len(resolver.questions) == 2
    resolver.may_answer.set()
    assert asked.addresses(LIMIT) == FOUND


@pytest.mark.parametrize("host", ["a..example", "x" * 64 + ".example"])
def test_what_is_no_name_is_an_error_like_others(host: str) -> None:
    with pytest.raises(OSError):
        Names(host, 443).addresses(LIMIT)
