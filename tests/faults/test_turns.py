"""Clients that always have something to say: others have their turn all the same."""

from __future__ import annotations

import gzip
import itertools
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import gevent
import gevent.socket
import pytest
from flask import Request
from werkzeug.test import EnvironBuilder

from app.bodies import read_body
from app.errors import ApiError
from app.server.connections import ClientSocket
from tests.gateway import Client, Gateway
from tests.upstream.scripted import ScriptedUpstream

TURNS = 20
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"

# What goes on for ever.
TALKS: dict[str, bytes] = {
    "one request behind the other": HEALTH * 500,
    "requests as long as a read": (b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n" % (b"x" * 8162)),
}


@pytest.fixture(scope="module")
def lone_gateway(upstream: ScriptedUpstream, start_shared_gateway) -> Gateway:
    """A gateway with one worker, which all have to share."""
    gateway: Gateway = start_shared_gateway(upstream.url, WEB_CONCURRENCY="1", LOG_LEVEL="error")
    return gateway


@contextmanager
def talking(client: Client, words: bytes) -> Iterator[None]:
    """Have ``client`` send as fast as it can, and take whatever comes."""
    is_over = threading.Event()

    def send() -> None:
        with suppress(OSError):
            while not is_over.is_set():
                client.send(words)

    def receive() -> None:
        with suppress(OSError):
            while client.socket.recv(1 << 20):
                pass

    threads = [threading.Thread(target=each) for each in (send, receive)]
    try:
        for thread in threads:
            thread.start()
        yield
        assert threads[0].is_alive(), "it was stopped"
    finally:
        is_over.set()
        with suppress(OSError):
            client.socket.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()
        client.close()


@pytest.mark.parametrize("name", TALKS)
def test_nobody_has_the_worker_for_himself(lone_gateway: Gateway, name: str) -> None:
    with lone_gateway.connect() as other, talking(lone_gateway.connect(), TALKS[name]):
        for _ in range(TURNS):
            other.send(HEALTH)
            assert other.response().status == 200


def test_a_body_that_is_there_already_is_read_with_turns_for_others() -> None:
    """Its chunks may be of a byte, which take long to take apart."""
    ours, theirs = gevent.socket.socketpair()
    body = ClientSocket(fileno=ours.detach())
    body.expect_body(10)
    theirs.sendall(bytes(64 * 1024))
    turns: list[int] = []

    def others() -> None:
        while True:
            turns.append(len(turns))
            gevent.sleep(0)

    other = gevent.spawn(others)
    taken = []
    for _ in range(8):
        before = len(turns)
        body.recv(8192)
        taken.append(len(turns) - before)
    other.kill()
    theirs.close()
    body.close()
    assert all(taken[1:]), taken


def packed(unpacked: bytes) -> Request:
    body = gzip.compress(unpacked, 1)
    return Request(EnvironBuilder(data=body, headers={"Content-Encoding": "gzip"}).get_environ())


def test_what_unpacks_to_much_is_unpacked_in_pieces() -> None:
    megabytes, turns = 64, itertools.count()
    read = read_body(packed(bytes(megabytes << 20)), 1 << 30, lambda: next(turns))
    assert len(read) == megabytes << 20
    assert next(turns) >= megabytes


def test_a_bomb_is_not_unpacked_as_far_as_a_body_may_be_long() -> None:
    with pytest.raises(ApiError) as refused:
        read_body(packed(bytes((64 << 20) + 1)), 1 << 30, lambda: None)
    assert (refused.value.status, refused.value.code) == (413, "payload_too_large")
