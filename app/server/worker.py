"""Worker: gunicorn's gevent worker, adapted to the gateway: how it starts, is replaced and stops."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, cast

import gevent
from gevent.pool import Pool
from gunicorn.http import wsgi
from gunicorn.http.message import Request
from gunicorn.workers.ggevent import GeventWorker

from app.lifecycle import Lifecycle
from app.logs import fault, logger
from app.metrics import Metrics
from app.poe.upstream import Upstream
from app.server import leftovers, refusals
from app.server.connections import ClientServer, ClientSocket
from app.server.requests import RequestReader
from app.server.responses import ClientResponse
from app.settings import Settings

_NOTIFY_SECONDS = 1.0
_ACCEPTED_AT_ONCE = 8  # then running answers have their turn
_LOOK_SECONDS = 0.05
_FIRST_REQUEST_SECONDS = 2.0  # for the first request of a connection, once nothing is accepted any more
_LAST_WORDS_SECONDS = 2.0
_RETIRING = 1  # bytes in a worker's heartbeat file, which its master has open, too


class GatewayWorker(GeventWorker):
    """Serves the gateway, and stops in three steps.

    After SIGTERM it serves on for ``DRAIN_SECONDS`` with ``/readyz`` at 503, so that a load
    balancer can turn away; then it stops listening and closes idle connections; an answer that is still
    running ``GRACEFUL_TIMEOUT`` later ends with an error.

    After ``MAX_REQUESTS`` it retires: another worker takes its place at once, and it goes when the
    last of its answers has ended, however long that takes.
    """

    def init_process(self) -> None:
        self._stopping = threading.Event()
        self._is_spent = False
        self._is_closed = False  # nothing new is accepted
        self._connections = Pool(self.worker_connections)
        self._new: set[ClientSocket] = set()  # connections that have not brought a request yet
        self._idle: set[ClientSocket] = set()  # connections between two requests
        # gunicorn looks a setting up by a method, for each request: make them plain attributes.
        vars(self.cfg).update({name: setting.get() for name, setting in self.cfg.settings.items()})
        vars(gevent.get_hub())["print_exception"] = _log_fault
        super().init_process()

    def load_wsgi(self) -> None:
        super().load_wsgi()
        app: Any = self.wsgi
        self._lifecycle: Lifecycle = app.extensions["lifecycle"]
        self._metrics: Metrics = app.extensions["metrics"]
        self._settings: Settings = app.extensions["settings"]
        self._upstreams: Sequence[Upstream] = app.extensions["upstreams"]
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
        self._close(servers)
        self._end_reading(self._idle)
        self._wait(_FIRST_REQUEST_SECONDS, lambda: not self._new)
        self._end_reading(self._new)
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
        """Have the master start another worker, and serve to the end; return whether no stop interfered."""
        logger.info("another worker takes over after %d requests", self.nr)
        self._close(servers)
        os.ftruncate(self.tmp.fileno(), _RETIRING)
        os.kill(self.ppid, signal.SIGTTIN)
        self._keep_house(self._is_empty)
        return self._is_empty()

    def _close(self, servers: Sequence[ClientServer]) -> None:
        for server in servers:
            server.close()
        self._is_closed = True

    def _serve(self, listener: socket.socket) -> ClientServer:
        server = ClientServer(
            listener,
            self.handle,
            self._connections,
            send_seconds=self._settings.send_timeout_seconds,
            accepted_at_once=1 if self.cfg.workers > 1 else _ACCEPTED_AT_ONCE,
        )
        server.start()
        return server

    def _end_reading(self, connections: set[ClientSocket]) -> None:
        for connection in list(connections):
            connection.end_reading()

    def _is_empty(self) -> bool:
        return not self._connections

    def _wait(self, seconds: float, is_over: Callable[[], bool]) -> bool:
        """Wait up to ``seconds`` until ``is_over``; return whether it is."""
        deadline = time.monotonic() + seconds
        while not is_over():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self.notify()
            time.sleep(min(left, _LOOK_SECONDS))
        return True

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Serve one connection, which is idle between its requests."""
        self._new.add(client)
        try:
            self._serve_requests(listener.getsockname(), client, addr)
        except OSError as error:
            logger.debug("a client's connection ended: %s", type(error).__name__)
        finally:
            self._new.discard(client)
            self._idle.discard(client)
            client.close()

    def _serve_requests(self, listener_name: Any, client: Any, addr: Any) -> None:
        reader = RequestReader(self.cfg, client, addr)
        request = None
        try:
            while True:
                request = None
                request = reader.next_request(self._settings.head_timeout_seconds)
                if request is None or not self.handle_request(listener_name, request, client, addr):
                    return
        except OSError:
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the outermost edge of a request
            self._refuse(request, client, addr, error, reader.path)

    def handle_request(self, listener_name: Any, req: Request, sock: Any, addr: Any) -> bool:
        """Serve one request and read the rest of its body; return whether another can follow."""
        self._new.discard(sock)
        self._idle.discard(sock)
        self._count()
        goes_on = self._respond(listener_name, req, sock, addr) and leftovers.drain(req, sock)
        if goes_on:
            self._idle.add(sock)
            if self._is_closed:
                sock.end_reading()
        else:
            leftovers.linger(req, sock)
        return goes_on

    def _count(self) -> None:
        """Count a request, which may be the last before this worker retires."""
        self.nr += 1
        if self.nr == self.max_requests:
            self.alive, self._is_spent = False, True

    def _respond(self, listener_name: Any, req: Request, sock: Any, addr: Any) -> bool:
        """Have the application answer; return whether the connection stays open."""
        request: Any = req
        sock.owes_continue, request._expected_100_continue = request._expected_100_continue, False
        created = wsgi.create(req, sock, addr, listener_name, self.cfg, response_class=ClientResponse)
        response, environ = cast("tuple[ClientResponse, dict[str, Any]]", created)
        environ["wsgi.multithread"] = True
        if not self.alive:
            response.force_close()
        try:
            self._run_application(environ, response)
        except gevent.GreenletExit:
            return False
        except TimeoutError:
            logger.info("a client read nothing of its answer for too long, and is disconnected")
            sock.forget()
            return False
        except OSError:
            raise
        except (Exception, SystemExit) as error:
            if not response.headers_sent:
                raise
            logger.error("an answer failed half-way: %s", fault(error))
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            return False
        return not response.closes

    def _run_application(self, environ: Any, response: ClientResponse) -> None:
        application: Any = self.wsgi
        client: Any = response.sock
        client.expect_body(self._settings.body_timeout_seconds)
        try:
            body = application(environ, response.start_response)
        finally:
            client.expect_nothing()
        try:
            for piece in body:
                response.write(piece)
            response.close()
        finally:
            body.close()

    def _refuse(
        self, req: Request | None, client: socket.socket, addr: Any, exc: BaseException, path: str
    ) -> None:
        """Refuse what is not HTTP, or report that a request failed, in the form of the API at ``path``.

        Nothing of the request is logged or echoed: a broken header may be the one with the key.
        """
        refusal = refusals.of(exc)
        request_id = secrets.token_hex(16)
        host = addr[0] if addr else "-"
        if refusal is refusals.FAILED:
            logger.error("request %s from %s failed: %s", request_id, host, fault(exc))
        else:
            logger.warning("request %s from %s refused: %s", request_id, host, type(exc).__name__)
        self._metrics.count_refusal(refusal.status)
        with contextlib.suppress(OSError):
            client.sendall(refusal.render(request_id, path))
            leftovers.linger(req, client)


def _log_fault(_context: object, kind: type[BaseException], error: BaseException | None, _: object) -> None:
    """Log what ended a greenlet. gevent would print arguments, and text that may be a client's."""
    logger.error("a greenlet failed: %s", fault(error) if error else kind.__name__)


def is_retiring(worker: Any) -> bool:
    """Whether ``worker``, seen from its master, has been replaced by another one."""
    return os.fstat(worker.tmp.fileno()).st_size == _RETIRING
