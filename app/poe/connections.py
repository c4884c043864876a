"""Connections: to one server, kept alive between requests, over a proxy if the environment says so.

``HTTPS_PROXY``, ``HTTP_PROXY``, ``NO_PROXY`` and ``REQUESTS_CA_BUNDLE`` mean what they mean to
requests, which reads them, once.
"""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import certifi
import requests
from requests.utils import select_proxy

from app.names import Address, Names, UnknownName
from app.poe.connection import Connection, Waiter
from app.poe.wire import HEAD_LIMIT, ResponseParser, WireError

_KEPT = 512  # idle connections
_IDLE_SECONDS = 30.0
_PORTS = {"http": 80, "https": 443}

TimeLimit = Callable[[float], AbstractContextManager[None]]  # of a block, in seconds; raises TimeoutError


class ProxyFailed(OSError):
    """The proxy could not be used; the message says why, without its password."""


class ProxyUnreachable(OSError):
    """The proxy is not there, or has no address."""


class Connections:
    """Opens connections to the server of ``base_url`` and keeps those that are given back."""

    def __init__(
        self,
        base_url: str,
        connect_timeout: float,
        make_waiter: Callable[[socket.socket], Waiter],
        time_limit: TimeLimit,
    ) -> None:
        url = urlsplit(base_url)
        self._make_waiter = make_waiter
        self._time_limit = time_limit
        self._is_tls = url.scheme == "https"
        self._host = url.hostname or ""
        self._port = url.port or _PORTS[url.scheme]
        self.timeout = connect_timeout
        self._names: dict[tuple[str, int], Names] = {}  # the server's, or its proxy's
        self._idle: list[tuple[Connection, float]] = []  # and since when, oldest first
        environment = requests.Session().merge_environment_settings(
            base_url, proxies={}, stream=True, verify=None, cert=None
        )
        self._proxy = select_proxy(base_url, environment["proxies"])
        bundle = environment["verify"] if isinstance(environment["verify"], str) else certifi.where()
        self._tls = _tls_context(str(bundle)) if self._is_tls else None
        name = f"[{self._host}]" if ":" in self._host else self._host
        self.host_field = name if self._port == _PORTS[url.scheme] else f"{name}:{self._port}"
        self.target_prefix = url.path
        self.proxy_field: str | None = None
        if self._proxy and not self._is_tls:  # the proxy needs the whole URL, and its password each time
            self.target_prefix = f"http://{self.host_field}{url.path}"
            with contextlib.suppress(ValueError):  # opening a connection reports what is wrong with it
                self.proxy_field = _proxy_authorization(self._proxy)

    def take(self) -> Connection:
        """An idle connection that is still good, or a new one.

        Raises ``TimeoutError``, ``ssl.SSLError``, ``ProxyFailed``, ``ProxyUnreachable``, ``UnknownName``
        or another ``OSError``.
        """
        while self._idle:
            connection, _ = self._idle.pop()
            if connection.is_quiet():
                return connection
            connection.close()
        with self._time_limit(self.timeout):  # looking up the name, the proxy and TLS included
            plain = self._open()
        return Connection(plain, self._make_waiter(plain))

    def renew(self, connection: Connection) -> Connection:
        """The same connection if it is still good after a wait, else another one."""
        if connection.is_quiet():
            return connection
        connection.close()
        return self.take()

    def give_back(self, connection: Connection) -> None:
        """Keep a connection on which nothing is under way."""
        if len(self._idle) < _KEPT:
            self._idle.append((connection, time.monotonic()))
        else:
            connection.close()

    def prune(self) -> None:
        """Close connections that have been idle for long: the server will close them, too."""
        latest = time.monotonic() - _IDLE_SECONDS
        kept = next((index for index, (_, since) in enumerate(self._idle) if since > latest), len(self._idle))
        pruned, self._idle = self._idle[:kept], self._idle[kept:]
        for connection, _ in pruned:
            connection.close()

    def _open(self) -> socket.socket:
        connection = self._reach_proxy(self._proxy) if self._proxy else self._reach(self._host, self._port)
        try:
            if self._tls is None:
                return connection
            return self._tls.wrap_socket(connection, server_hostname=self._host)
        except BaseException:
            connection.close()
            raise

    def _reach(self, host: str, port: int) -> socket.socket:
        connection = _connect(self._addresses(host, port), self.timeout)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _addresses(self, host: str, port: int) -> Sequence[Address]:
        try:
            ipaddress.IPv4Address(host)
        except ValueError:
            names = self._names.setdefault((host, port), Names(host, port))
            return names.addresses()
        return [(socket.AF_INET, (host, port))]  # there is no name to look up, in a thread

    def _reach_proxy(self, proxy: str) -> socket.socket:
        host, port = _proxy_address(proxy)
        try:
            connection = self._reach(host, port)
        except (ConnectionError, UnknownName) as error:
            raise ProxyUnreachable from error
        try:
            if self._is_tls:
                self._tunnel(connection, _proxy_authorization(proxy))
        except BaseException:
            connection.close()
            raise
        return connection

    def _tunnel(self, connection: socket.socket, authorization: str | None) -> None:
        """Open a tunnel through the proxy (RFC 9110 section 9.3.6)."""
        target = f"{self.host_field}:443" if self._port == _PORTS["https"] else self.host_field
        field = f"Proxy-Authorization: {authorization}\r\n" if authorization else ""
        connection.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{field}\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head and len(head) < HEAD_LIMIT:
            data = connection.recv(1)  # not a byte beyond the head: TLS follows
            if not data:
                break
            head += data
        parser = ResponseParser()
        try:
            parser.feed(head)
        except WireError as error:
            raise ProxyFailed("the proxy answered with something that is not HTTP") from error
        finally:
            parser.close()
        if not 200 <= parser.status < 300:
            raise ProxyFailed(f"the proxy refused the connection with status {parser.status}")


def _connect(addresses: Sequence[Address], timeout: float) -> socket.socket:
    """Try each of a host's addresses; each has an equal share of the time."""
    for number, (family, address) in enumerate(addresses, 1):
        try:
            return _connect_to(family, address, timeout / len(addresses))
        except OSError:
            if number == len(addresses):
                raise
    raise OSError("the host has no address")


def _connect_to(family: int, address: Any, timeout: float) -> socket.socket:
    connection = socket.socket(family)
    try:
        connection.settimeout(timeout)
        connection.connect(address)
    except BaseException:
        connection.close()
        raise
    return connection


def _tls_context(bundle: str) -> ssl.SSLContext:
    """A TLS context that trusts the certificates in the file or folder ``bundle``."""
    is_folder = Path(bundle).is_dir()
    context = ssl.create_default_context(
        cafile=None if is_folder else bundle, capath=bundle if is_folder else None
    )
    context.set_alpn_protocols(["http/1.1"])
    return context


def _proxy_address(proxy: str) -> tuple[str, int]:
    try:
        url = _proxy_url(proxy)
        host, port = url.hostname, url.port or _PORTS["http"]
    except ValueError as error:
        raise ProxyFailed("its address is not valid") from error
    if url.scheme != "http" or not host:
        raise ProxyFailed("only http:// proxies are supported")
    return host, port


def _proxy_url(proxy: str) -> SplitResult:
    return urlsplit(proxy if "://" in proxy else f"http://{proxy}")


def _proxy_authorization(proxy: str) -> str | None:
    url = _proxy_url(proxy)
    if url.username is None:
        return None
    credentials = f"{unquote(url.username)}:{unquote(url.password or '')}"
    return f"Basic {base64.b64encode(credentials.encode()).decode()}"
