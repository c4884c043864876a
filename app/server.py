"""The gunicorn worker: gevent's, answering in JSON where gunicorn would answer in HTML.

Also sees to it that a client which is still sending can read a refusal: closing a connection with
unread bytes resets it, and the answer is lost with it (RFC 9112 section 9.6).
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from email.utils import formatdate
from functools import lru_cache, partial
from types import FrameType
from typing import Any

import gevent
import gevent.socket
import msgspec
from gevent.pool import Pool
from gevent.server import StreamServer
from gunicorn.glogging import Logger
from gunicorn.http import wsgi
from gunicorn.http.errors import ParseException
from gunicorn.http.message import Request
from gunicorn.workers.ggevent import GeventWorker

from app.lifecycle import Lifecycle
from app.logs import fault, logger
from app.poe.client import PoeClient
from app.poe.uploads import Uploads
from app.settings import Settings

_NOTIFY_SECONDS = 1.0
_ACCEPTED_AT_ONCE = 8  # then running answers have their turn
_LOOK_SECONDS = 0.05
_FIRST_REQUEST_SECONDS = 2.0  # that a connection has for it, once the door is closed
_LAST_WORDS_SECONDS = 2.0
_DRAIN_BYTES = 1024 * 1024
_DRAIN_SECONDS = 2.0
_RETIRING = 1  # bytes in a worker's heartbeat file, which its master has open, too
_BODY_BYTES_A_SECOND = (
    1000  # slower than any line: who sends a body more slowly over its whole length is let go
)
_UNSENT_BYTES = 128 * 1024  # that the kernel keeps of an answer whose client takes nothing
_TCP_NOTSENT_LOWAT = getattr(socket, "TCP_NOTSENT_LOWAT", None)  # Linux's

# By the name of gunicorn's exception: status, reason, what the client is told.
_REFUSALS: dict[str, tuple[int, str, str]] = {
    "LimitRequestLine": (414, "URI Too Long", "The request line is too long."),
    "LimitRequestHeaders": (
        431,
        "Request Header Fields Too Large",
        "The request's header fields are too large.",
    ),
    "UnsupportedTransferCoding": (
        501,
        "Not Implemented",
        "The request's transfer coding is not supported.",
    ),
    "ExpectationFailed": (
        417,
        "Expectation Failed",
        "Only 100-continue can be expected.",
    ),
    "ForbiddenProxyRequest": (403, "Forbidden", "The request is forbidden."),
    "InvalidRequestLine": (400, "Bad Request", "The request line is not valid HTTP."),
    "InvalidRequestMethod": (
        400,
        "Bad Request",
        "The request method is not valid HTTP.",
    ),
    "InvalidHTTPVersion": (400, "Bad Request", "The HTTP version is not supported."),
    "InvalidHeader": (400, "Bad Request", "A header field is not valid HTTP."),
    "InvalidHeaderName": (
        400,
        "Bad Request",
        "A header field's name is not valid HTTP.",
    ),
    "ObsoleteFolding": (
        400,
        "Bad Request",
        "A header field is folded over several lines.",
    ),
    "InvalidChunkSize": (
        400,
        "Bad Request",
        "The request body's chunks are not valid HTTP.",
    ),
    "InvalidChunkExtension": (
        400,
        "Bad Request",
        "The request body's chunks are not valid HTTP.",
    ),
    "ChunkMissingTerminator": (
        400,
        "Bad Request",
        "The request body's chunks are not valid HTTP.",
    ),
    "InvalidSchemeHeaders": (
        400,
        "Bad Request",
        "The forwarded scheme is contradictory.",
    ),
}
_FAILED = (
    500,
    "Internal Server Error",
    "The gateway failed to answer this request; its log says why.",
)


class ClientSocket(gevent.socket.socket):
    """A client's connection, on which neither side waits for ever.

    Sends at once what it can: gevent's asks for the buffer's size before. ``TimeoutError`` means that
    the client has taken nothing for ``send_seconds``, or does not send its body as ``expect_body`` says.
    """

    send_seconds: float | None = None
    timeout: float | None
    _body_seconds = 0.0  # 0: nothing of a body is expected
    _body_ends = 0.0

    def sendall(self, data: Any, flags: int = 0) -> None:
        self.timeout = self.send_seconds
        try:
            sent = self.send(data, flags)
            while sent < len(data):
                sent += self.send(memoryview(data)[sent:], flags)
        finally:
            self.timeout = None

    def expect_body(self, seconds: float) -> None:
        """From now on what is read is a body: silences may last ``seconds``, all of it little longer."""
        self._body_seconds = seconds
        self._body_ends = time.monotonic() + seconds

    def expect_head(self) -> None:
        """What is read next is no body; its time is the reader's business."""
        self._body_seconds = 0.0

    def recv(self, *args: Any) -> bytes:
        if not self._body_seconds:
            return super().recv(*args)
        self.timeout = min(self._body_seconds, max(0.001, self._body_ends - time.monotonic()))
        try:
            data = super().recv(*args)
        finally:
            self.timeout = None
        self._body_ends += len(data) / _BODY_BYTES_A_SECOND
        return data

    def forget(self) -> None:
        """Have closing drop what the client has not taken; the kernel would offer it for many minutes."""
        self.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def end_reading(self) -> None:
        """Have a read that waits return nothing, as if the client had left; gevent's would raise.

        But what has come already is a request, and is served.
        """
        plain: Any = self
        with contextlib.suppress(OSError):
            if plain._sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT):
                return
        with contextlib.suppress(OSError):
            plain._sock.shutdown(socket.SHUT_RD)


class ClientResponse(wsgi.Response):
    """Sends its head together with what follows it; gunicorn's sends it by itself."""

    _head = b""

    def send_headers(self) -> None:
        if not self.headers_sent:
            body: Any = self.req.body
            if body.failed:
                self.force_close()  # where the next request would begin is not known
            fields = [f"{name}: {value}\r\n" for name, value in self.headers]
            self._head = "".join([*self.default_headers(), *fields, "\r\n"]).encode("latin-1")
            self.headers_sent = True

    def default_headers(self) -> list[str]:
        """The status line and the fields that are the server's."""
        version = ".".join(map(str, self.req.version or (1, 1)))
        fields = [
            f"HTTP/{version} {self.status}\r\n",
            f"Date: {_http_date(int(time.time()))}\r\n",
            f"Connection: {'close' if self.should_close() else 'keep-alive'}\r\n",
        ]
        return [*fields, "Transfer-Encoding: chunked\r\n"] if self.chunked else fields

    def close(self) -> None:
        """The body is over."""
        self.send_headers()
        if self.chunked:
            self._emit_body(b"")
        elif self._head:
            self.sock.sendall(self._head)

    def _emit_body(self, data: bytes) -> None:
        head, self._head = self._head, b""
        if self.chunked:
            self.sock.sendall(b"%b%X\r\n%b\r\n" % (head, len(data), data))
        else:
            self.sock.sendall(head + data)


class Address:
    """Where a listener listens, also when it does no longer: a connection may begin after that."""

    def __init__(self, listener: socket.socket) -> None:
        self._name = listener.getsockname()

    def getsockname(self) -> Any:
        return self._name


class ClientServer(StreamServer):
    """Accepts connections."""

    send_seconds: float | None = None

    def do_read(self) -> Any:
        accepted = super().do_read()
        if accepted is None:
            return None
        client, address = accepted
        connection = ClientSocket(client.family, client.type, client.proto, fileno=client.detach())
        connection.send_seconds = self.send_seconds
        return connection, address

    def close(self) -> None:
        """Close the door behind all who have come: those who wait outside would be reset."""
        while not self.closed and not self.full() and (accepted := self.do_read()):
            self.do_handle(*accepted)
        super().close()


class ServerLog(Logger):
    """gunicorn's log without its access lines: the application writes one line a request itself.

    Of exceptions only the class is told: some of gunicorn's quote what a client sent, its key as well.
    """

    access_log_enabled = False

    def debug(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        shown = [type(each).__name__ if isinstance(each, BaseException) else each for each in args]
        super().debug(msg, *shown, **kwargs)


class GatewayWorker(GeventWorker):
    """Serves the gateway, and stops in three steps.

    After SIGTERM it serves on for ``DRAIN_SECONDS`` with ``/readyz`` at 503, so that whoever
    balances the load can turn away; then it closes the door and idle connections; what still runs
    ``GRACEFUL_TIMEOUT`` later gets an error for an end.

    After ``MAX_REQUESTS`` it retires: another worker takes its place at once, and it goes when the
    last of its answers has ended, however long that takes.
    """

    def init_process(self) -> None:
        self._stopping = threading.Event()
        self._is_spent = False
        self._connections = Pool(self.worker_connections)
        self._new: set[ClientSocket] = set()  # connections that have not brought a request yet
        self._idle: set[ClientSocket] = set()  # those between two
        # A setting is looked up by a method, again for each request: put them where attributes are.
        vars(self.cfg).update({name: setting.get() for name, setting in self.cfg.settings.items()})
        super().init_process()

    def load_wsgi(self) -> None:
        super().load_wsgi()
        app: Any = self.wsgi
        self._lifecycle: Lifecycle = app.extensions["lifecycle"]
        self._settings: Settings = app.extensions["settings"]
        self._upstreams: Sequence[PoeClient | Uploads] = app.extensions["upstreams"]
        self._looks: Sequence[Callable[[], None]] = app.extensions["looks"]

    def handle_exit(self, _signal: int, _frame: FrameType | None) -> None:
        """SIGTERM. The event wakes the greenlet that waits for it in ``run``."""
        self.alive = False
        if self.booted:
            self._lifecycle.drain()
        gevent.spawn(self._stopping.set)

    def run(self) -> None:
        """Serve until told to stop, then stop."""
        servers = [self._serve(listener) for listener in self.sockets]
        self._keep_house(lambda: self._is_spent)
        if self._is_spent and self._retire(servers):
            return
        self._wait(self._settings.drain_seconds, lambda: False)
        for server in servers:
            server.close()
        self._let_go(self._idle)
        self._wait(_FIRST_REQUEST_SECONDS, lambda: not self._new)
        self._let_go(self._new)
        if not self._wait(self._settings.graceful_timeout, self._is_empty):
            logger.warning("running answers are ended: GRACEFUL_TIMEOUT is over")
            self._lifecycle.end()
            self._wait(_LAST_WORDS_SECONDS, self._is_empty)
        for server in servers:
            server.stop(timeout=0)

    def _keep_house(self, is_over: Callable[[], bool]) -> None:
        """Report to the master and tidy up, until ``is_over`` or a stop is asked for."""
        while not is_over() and not self._stopping.wait(_NOTIFY_SECONDS):
            self.notify()
            for upstream in self._upstreams:
                upstream.tidy_up()
            for look in self._looks:
                look()

    def _retire(self, servers: Sequence[ClientServer]) -> bool:
        """Have the master start another worker, and come to an end; whether no stop came between."""
        logger.info("after %d requests another worker takes over", self.nr)
        for server in servers:
            server.close()
        os.ftruncate(self.tmp.fileno(), _RETIRING)
        os.kill(self.ppid, signal.SIGTTIN)
        self._keep_house(self._is_empty)
        return self._is_empty()

    def _serve(self, listener: socket.socket) -> ClientServer:
        listener.settimeout(None)  # gevent's: blocks greenlets only
        if _TCP_NOTSENT_LOWAT is not None and listener.family != socket.AF_UNIX:
            listener.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
        handle = partial(self.handle, Address(listener))
        server = ClientServer(listener, handle=handle, spawn=self._connections)
        server.send_seconds = self._settings.send_timeout_seconds
        server.max_accept = 1 if self.cfg.workers > 1 else _ACCEPTED_AT_ONCE
        server.start()
        return server

    def _let_go(self, connections: set[ClientSocket]) -> None:
        for connection in list(connections):
            connection.end_reading()

    def _is_empty(self) -> bool:
        return not self._connections

    def _wait(self, seconds: float, is_over: Callable[[], bool]) -> bool:
        """Wait up to ``seconds`` until ``is_over``; whether it is."""
        deadline = time.monotonic() + seconds
        while not is_over():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self.notify()
            time.sleep(min(left, _LOOK_SECONDS))
        return True

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Serve one connection. Between its requests it is idle."""
        self._new.add(client)
        try:
            super().handle(listener, client, addr)
        finally:
            self._new.discard(client)
            self._idle.discard(client)

    def handle_request(self, listener_name: Any, req: Request, sock: Any, addr: Any) -> bool:
        """Serve one request, then see what is left of its body."""
        self._new.discard(sock)
        self._idle.discard(sock)
        self._count()
        try:
            self._respond(listener_name, req, sock, addr)
        except StopIteration:
            _linger(req, sock)
            raise
        if not _drain(req, sock):
            _linger(req, sock)
            raise StopIteration
        self._idle.add(sock)
        return True

    def _count(self) -> None:
        """One more request: the last before this worker retires?"""
        self.nr += 1
        if self.nr == self.max_requests:
            self.alive, self._is_spent = False, True

    def _respond(self, listener_name: Any, req: Request, sock: Any, addr: Any) -> None:
        """Have the application answer. ``StopIteration``: nothing more on this connection."""
        response, environ = wsgi.create(
            req, sock, addr, listener_name, self.cfg, response_class=ClientResponse
        )
        environ["wsgi.multithread"] = True
        if not self.alive:
            response.force_close()
        try:
            self._run_application(environ, response)
        except gevent.GreenletExit:
            return
        except TimeoutError:
            logger.info("a client took nothing of its answer for too long, and is let go")
            sock.forget()
            raise StopIteration from None
        except OSError:
            raise
        except (Exception, SystemExit) as error:
            if not response.headers_sent:
                raise
            logger.error("an answer failed half-way: %s", fault(error))
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            raise StopIteration from None
        if response.should_close():
            raise StopIteration

    def _run_application(self, environ: Any, response: wsgi.Response) -> None:
        application: Any = self.wsgi
        client: Any = response.sock
        client.expect_body(self._settings.body_timeout_seconds)
        try:
            body = application(environ, response.start_response)
        finally:
            client.expect_head()
        try:
            for piece in body:
                response.write(piece)
            response.close()
        finally:
            body.close()

    def handle_error(self, req: Request | None, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """Refuse what is not HTTP, or say that a request failed, in OpenAI's form.

        Nothing that was sent is logged or echoed: a broken header field may be the one with the key.
        """
        status, reason, message = _REFUSALS.get(type(exc).__name__, _FAILED)
        request_id = secrets.token_hex(16)
        host = addr[0] if addr else "-"
        if status == _FAILED[0]:
            logger.error("request %s from %s failed: %s", request_id, host, fault(exc))
        else:
            logger.warning("request %s from %s refused: %s", request_id, host, type(exc).__name__)
        with contextlib.suppress(OSError):
            client.sendall(_refusal(status, reason, message, request_id))
            _linger(req, client)


@lru_cache(maxsize=1)
def _http_date(second: int) -> str:
    return formatdate(second, usegmt=True)


def is_retiring(worker: Any) -> bool:
    """Whether ``worker``, seen from its master, has had another one take its place."""
    return os.fstat(worker.tmp.fileno()).st_size == _RETIRING


def _refusal(status: int, reason: str, message: str, request_id: str) -> bytes:
    kind = "invalid_request_error" if status < 500 else "server_error"
    error = {"message": message, "type": kind, "param": None, "code": None}
    body = msgspec.json.encode({"error": error})
    head = (
        f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/json\r\n"
        f"x-request-id: {request_id}\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _is_read(body: Any) -> bool:
    """Whether all of a request's body has been taken off the connection."""
    reader = body.reader
    if hasattr(reader, "length"):
        return bool(reader.length == 0)
    return getattr(reader, "parser", None) is None


def _drain(req: Request, sock: socket.socket) -> bool:
    """Read what is left of the body, within bounds; whether another request can follow it."""
    body: Any = req.body
    if body.failed:
        return False
    return _is_read(body) or (_read_away(sock, body.read) and _is_read(body))


def _linger(req: Request | None, sock: socket.socket) -> None:
    """Let a client that is still sending read our answer: half-close, and read on for a while."""
    body: Any = req.body if req is not None else None
    if body is not None and not body.failed and _is_read(body):
        return
    until = time.monotonic() + _DRAIN_SECONDS
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_WR)
        if not _read_away(sock, sock.recv):  # a client that has much to send stalls, and sees the answer
            time.sleep(max(0.0, until - time.monotonic()))


def _read_away(sock: socket.socket, read: Callable[[int], bytes]) -> bool:
    """Read until the end, ``_DRAIN_BYTES`` or ``_DRAIN_SECONDS``; whether it was the end."""
    deadline = time.monotonic() + _DRAIN_SECONDS
    left = _DRAIN_BYTES
    try:
        while left > 0 and (seconds := deadline - time.monotonic()) > 0:
            sock.settimeout(seconds)
            data = read(min(left, 65536))
            if not data:
                return True
            left -= len(data)
    except (OSError, ParseException):
        return False
    finally:
        sock.settimeout(None)
    return False
