"""Browsers of the panel, at several addresses."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.gateway import Gateway
from tests.upstream.scripted import LIMIT

ADMIN = ("admin", "secret")  # as tests.gateway sets it

Browser = Callable[..., httpx.Client]


@pytest.fixture
def browser() -> Iterator[Browser]:
    """Makes clients with credentials, at an address of the loopback; each request has its own connection."""
    with contextlib.ExitStack() as stack:

        def make(gateway: Gateway, address: str = "127.0.0.1", auth: object = ADMIN) -> httpx.Client:
            limits = httpx.Limits(max_keepalive_connections=0)
            transport = httpx.HTTPTransport(local_address=address, limits=limits)
            client = httpx.Client(base_url=gateway.url, transport=transport, auth=auth, timeout=LIMIT)
            return stack.enter_context(client)

        yield make
