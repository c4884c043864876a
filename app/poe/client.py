"""Client: queries to Poe's bots, and for its list of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping

from app import errors
from app.poe import faults
from app.poe.connections import TimeLimit
from app.poe.exchange import Exchange, QueryFailed
from app.poe.upstream import Upstream
from app.poe.wire import COMPRESSIONS
from app.settings import Settings

_ERROR_BODY_LIMIT = 65536
_ERROR_BODY_SECONDS = 10.0
_MODELS_LIMIT = 64 * 1024 * 1024
_MODELS_SECONDS = 30.0
_BEYOND_SECONDS = 2 * _MODELS_SECONDS  # for each wait; the limit on the whole is shorter


class PoeClient:
    """Queries the bots of one Poe, and its list of them, for all requests of a worker."""

    def __init__(self, settings: Settings, upstream: Upstream, time_limit: TimeLimit) -> None:
        self._first_byte_timeout = settings.first_byte_timeout_seconds
        self._idle_timeout = settings.idle_timeout_seconds
        self._error_body_timeout = min(_ERROR_BODY_SECONDS, settings.idle_timeout_seconds)
        self._models_timeout = min(_MODELS_SECONDS, settings.first_byte_timeout_seconds)
        self._upstream = upstream
        self._time_limit = time_limit

    def ask(
        self,
        segment: str,
        body: bytes,
        key: str,
        wait_for_start: Callable[[], bool],
        meanwhile: Callable[[], None],
    ) -> Exchange:
        """Send a query to the bot whose name is the path segment ``segment``.

        ``wait_for_start`` is called once a connection is open, right before the query is sent; it returns
        whether it waited. ``meanwhile`` is called when the query has been sent. Returns once the head of
        a successful response has arrived. Raises ``QueryFailed``.
        """
        fields = {
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Accept": "text/event-stream",
        }
        head = self._upstream.head("POST", f"/bot/{segment}", fields)
        exchange = self._upstream.open(self._first_byte_timeout, self._idle_timeout, wait_for_start)
        try:
            exchange.send([head + body])
            meanwhile()
            exchange.read_head()
            if exchange.status != 200 or not _is_event_stream(exchange.headers):
                raise _failed(exchange, self._error_body_timeout)
        except BaseException:
            exchange.close()
            raise
        return exchange

    def models(self, key: str | None = None) -> bytes:
        """The body of ``GET /v1/models``, within the time for an answer's first byte, and at most 30 s.

        Raises ``QueryFailed``.
        """
        fields = {"Accept": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        head = self._upstream.head("GET", "/v1/models", fields)
        with self._upstream.open(_BEYOND_SECONDS, _BEYOND_SECONDS) as exchange:
            try:
                with self._time_limit(self._models_timeout):
                    exchange.send([head])
                    exchange.read_head()
                    if exchange.status != 200:
                        raise _failed(exchange, self._error_body_timeout)
                    return b"".join(exchange.pieces(_MODELS_LIMIT, _BEYOND_SECONDS))
            except TimeoutError as error:
                raise QueryFailed(errors.models_timeout(self._models_timeout)) from error


def _failed(exchange: Exchange, seconds: float) -> QueryFailed:
    """The failure told within ``seconds`` by a response that is no event stream."""
    body = b""
    with contextlib.suppress(QueryFailed):  # then what has arrived must do
        for piece in exchange.pieces(_ERROR_BODY_LIMIT, seconds):
            body += piece
    retryable = exchange.status in (502, 503) and "retry-after" not in exchange.headers
    error = faults.from_response(exchange.status, exchange.headers, body)
    return QueryFailed(error, retryable=retryable and error.allows_retry)


def _is_event_stream(headers: Mapping[str, str]) -> bool:
    """Whether a body is an event stream, in a content coding that is understood."""
    kind = headers.get("content-type", "text/event-stream").lower().lstrip()
    coding = headers.get("content-encoding", "identity").lower()
    return kind.startswith("text/event-stream") and coding in ("identity", *COMPRESSIONS)
