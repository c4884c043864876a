"""Upstream: a server that requests are sent to."""

from __future__ import annotations

import errno
import ssl
from collections.abc import Callable, Mapping
from functools import partial

from app import errors
from app.names import UnknownName
from app.poe.connection import Connection
from app.poe.connections import Connections, ProxyFailed, ProxyUnreachable
from app.poe.exchange import Exchange, QueryFailed, unreachable

_USER_AGENT = "poe2openai"


class Upstream:
    """The server at the other end of ``connections``."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def head(self, method: str, path: str, fields: Mapping[str, str]) -> bytes:
        """The head of a request for ``path`` below the connections' base URL."""
        fields = {"Host": self._connections.host_field, "User-Agent": _USER_AGENT, **fields}
        fields["Accept-Encoding"] = "identity"
        if self._connections.proxy_field:
            fields["Proxy-Authorization"] = self._connections.proxy_field
        lines = [f"{method} {self._connections.target_prefix}{path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in fields.items()]
        if not "".join(lines).isprintable():
            raise ValueError("a header field would end early")
        return "\r\n".join([*lines, "\r\n"]).encode("ascii")

    def open(
        self,
        first_byte_timeout: float,
        idle_timeout: float,
        wait_for_start: Callable[[], bool] = lambda: False,
    ) -> Exchange:
        """An exchange that can begin now; time-outs in seconds. Raises ``QueryFailed``.

        ``wait_for_start`` is called with a connection at hand; it returns whether it waited.
        """
        connection = self._connect(self._connections.take)
        try:
            if wait_for_start():
                connection = self._connect(partial(self._connections.renew, connection))
        except BaseException:
            connection.close()
            raise
        return Exchange(connection, self._connections, first_byte_timeout, idle_timeout)

    def tidy_up(self) -> None:
        """Close connections that have been idle for long. To be called now and then."""
        self._connections.prune()

    def _connect(self, take: Callable[[], Connection]) -> Connection:
        try:
            return take()
        except TimeoutError as error:
            raise QueryFailed(errors.connect_timeout(self._connections.timeout)) from error
        except ssl.SSLError as error:
            message = f"The TLS connection to Poe failed: {error.reason or 'handshake'}."
            raise QueryFailed(errors.bad_upstream(message)) from error
        except ProxyFailed as error:
            raise QueryFailed(errors.bad_upstream(f"The proxy to Poe failed: {error}.")) from error
        except ProxyUnreachable as error:
            raise unreachable("The proxy to Poe could not be reached.") from error
        except UnknownName as error:
            raise unreachable("The host name of Poe could not be resolved.") from error
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                raise QueryFailed(errors.out_of_descriptors()) from error
            raise unreachable() from error
