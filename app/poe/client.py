"""Client: queries to Poe over HTTP. The only place, with the models list, that opens connections.

The requests package's adapter and urllib3 do connections, TLS, proxies and the head of a response;
the body is read from the connection itself, see ``framing``.
"""

from __future__ import annotations

import http.client
import logging
import socket
from collections.abc import Mapping
from typing import Any, Self

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict

from app import errors
from app.errors import ApiError
from app.poe import faults
from app.poe.framing import (
    BodyDecoder,
    ChunkedDecoder,
    CloseDecoder,
    FramingError,
    InflatingDecoder,
    LengthDecoder,
)
from app.settings import Settings

_READ_SIZE = 65536
_ERROR_BODY_LIMIT = 65536
_MODELS_LIMIT = 64 * 1024 * 1024
_MODELS_TIMEOUT_SECONDS = 30.0
_WHOLE_BODY_TIMEOUT_SECONDS = 10.0
_POOL_SIZE = 512

# A full pool only means that a connection is not kept; nobody needs to be told.
logging.getLogger("urllib3").setLevel(logging.ERROR)


class QueryFailed(Exception):
    """A query had no answer. ``retryable``: asking once more may help and costs nothing twice."""

    def __init__(self, error: ApiError, *, retryable: bool = False) -> None:
        super().__init__(str(error))
        self.error = error
        self.retryable = retryable


class _Adapter(HTTPAdapter):
    """requests' adapter for one server: the pool is looked up once, and no cookies are looked for."""

    _pool: Any = None

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        if self._pool is None:
            self._pool = super().get_connection_with_tls_context(*args, **kwargs)
        return self._pool

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        response = requests.Response()
        response.status_code = resp.status
        response.headers = CaseInsensitiveDict(resp.headers)
        response.raw = resp
        response.request = req
        return response


class PoeClient:
    """Talks to one Poe, over kept-alive connections that all of a worker's requests share.

    Proxies and certificates come from the environment (``HTTPS_PROXY``, ``NO_PROXY``,
    ``REQUESTS_CA_BUNDLE``), which is read here, once.
    """

    def __init__(self, settings: Settings) -> None:
        self._base_url = settings.poe_base_url
        self._connect_timeout = settings.connect_timeout_seconds
        self._first_byte_timeout = settings.first_byte_timeout_seconds
        self._idle_timeout = settings.idle_timeout_seconds
        self._adapter = _Adapter(pool_connections=1, pool_maxsize=_POOL_SIZE, max_retries=0)
        environment = requests.Session().merge_environment_settings(
            self._base_url, proxies={}, stream=True, verify=None, cert=None
        )
        self._transport: dict[str, Any] = {key: environment[key] for key in ("proxies", "verify", "cert")}

    def ask(self, segment: str, body: bytes, key: str) -> Answer:
        """Send a query to the bot whose name is the path segment ``segment``.

        Returns once the head of a good answer is there. Raises ``QueryFailed``.
        """
        headers = {
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Accept": "text/event-stream",
            "Accept-Encoding": "identity",
        }
        request = _prepared("POST", f"{self._base_url}/bot/{segment}", headers, body)
        response = self._send(request, self._first_byte_timeout)
        try:
            self._check(response)
            return Answer(response, self._first_byte_timeout, self._idle_timeout)
        except BaseException:
            response.close()
            raise

    def models(self, key: str | None = None) -> bytes:
        """The body of ``GET /v1/models``. Raises ``QueryFailed``."""
        headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        request = _prepared("GET", f"{self._base_url}/v1/models", headers, None)
        response = self._send(request, _MODELS_TIMEOUT_SECONDS)
        try:
            if response.status_code != 200:
                raise _failed(response)
            return _read_some(response, _MODELS_LIMIT)
        finally:
            response.close()

    def _send(self, request: requests.PreparedRequest, timeout: float) -> requests.Response:
        """Send, and wait for the head. The exceptions are those that requests documents."""
        try:
            return self._adapter.send(
                request,
                stream=True,
                timeout=(self._connect_timeout, timeout),
                **self._transport,
            )
        except requests.exceptions.SSLError as error:
            raise QueryFailed(errors.bad_upstream("The TLS connection to Poe failed.")) from error
        except requests.exceptions.ConnectTimeout as error:
            message = f"Poe could not be reached within {self._connect_timeout:g} s (connect time-out)."
            raise QueryFailed(errors.timed_out(message)) from error
        except requests.exceptions.ReadTimeout as error:
            raise QueryFailed(first_byte_timeout(timeout)) from error
        except requests.exceptions.ProxyError as error:
            raise QueryFailed(errors.bad_upstream("The proxy to Poe failed."), retryable=True) from error
        except requests.exceptions.ConnectionError as error:
            raise _broken_connection(retryable=not _is_garbage(error)) from error
        except (
            requests.exceptions.RequestException,
            urllib3.exceptions.HTTPError,
        ) as error:
            raise QueryFailed(errors.bad_upstream("Poe's answer could not be read.")) from error

    def _check(self, response: requests.Response) -> None:
        if response.status_code != 200:
            raise _failed(response)
        content_type = response.headers.get("Content-Type", "text/event-stream")
        if _head_of(response).fp is None:
            raise _broken_connection(retryable=False)
        if not content_type.lower().lstrip().startswith("text/event-stream"):
            raise QueryFailed(errors.bad_upstream("Poe answered with something that is no event stream."))


class Answer:
    """The body of a good answer, read as it comes. Close it: that is what ends the query."""

    def __init__(
        self,
        response: requests.Response,
        first_byte_timeout: float,
        idle_timeout: float,
    ) -> None:
        self._response = response
        self._socket = _socket_of(response)
        self._decoder = _decoder_for(response)
        self._first_byte_timeout = first_byte_timeout
        self._idle_timeout = idle_timeout
        self.has_begun = False  # a byte of the body has come
        self._buffered = _take_buffered(response, self._socket)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def rate_limits(self) -> Mapping[str, str]:
        """What Poe says of the subscriber's limits: its ``x-ratelimit-*`` header fields."""
        return faults.rate_limits(self._response.headers)

    def read(self) -> bytes:
        """What the next read of the connection brings; empty only at the end of the body.

        Raises ``QueryFailed`` if the connection breaks, is silent for too long, or ends early.
        """
        while not self._decoder.complete:
            data = self._buffered or self._receive()
            self._buffered = b""
            if not data and self._decoder.may_end:
                break
            if not data:
                raise self._cut_off()
            self.has_begun = True
            try:
                body = self._decoder.feed(data)
            except FramingError as error:
                raise QueryFailed(errors.bad_upstream(f"Poe's answer is broken: {error}.")) from error
            if body:
                return body
        return b""

    def drain(self, seconds: float) -> None:
        """Wait up to ``seconds`` for the end of the body, so that the connection can be kept."""
        self._idle_timeout = self._first_byte_timeout = seconds
        try:
            for _ in range(4):
                if not self.read():
                    break
        except QueryFailed:
            return

    def close(self) -> None:
        """Keep the connection if the body is over, else end it: Poe sees that nobody listens."""
        head = _head_of(self._response)
        if self._decoder.complete and not self._decoder.surplus and not head.will_close:
            head.close()  # its end of the connection only; the pool has the other
            self._response.raw.release_conn()
        else:
            self._response.close()

    def _receive(self) -> bytes:
        limit = self._idle_timeout if self.has_begun else self._first_byte_timeout
        self._socket.settimeout(limit)
        try:
            return self._socket.recv(_READ_SIZE)
        except TimeoutError as error:
            failure = idle_timeout(limit) if self.has_begun else first_byte_timeout(limit)
            raise QueryFailed(failure) from error
        except OSError as error:
            raise self._cut_off() from error

    def _cut_off(self) -> QueryFailed:
        if not self.has_begun:
            return _broken_connection()
        return QueryFailed(errors.bad_upstream("Poe closed the connection in the middle of the answer."))


def first_byte_timeout(seconds: float) -> ApiError:
    """504: the query was sent and nothing came back."""
    return errors.timed_out(f"Poe did not begin to answer within {seconds:g} s (first-byte time-out).")


def idle_timeout(seconds: float) -> ApiError:
    """504: an answer began and fell silent."""
    return errors.timed_out(f"Poe was silent for {seconds:g} s in the middle of the answer (idle time-out).")


def _broken_connection(*, retryable: bool = True) -> QueryFailed:
    message = "Poe could not be reached, or closed the connection before it answered."
    return QueryFailed(errors.bad_upstream(message), retryable=retryable)


def _is_garbage(error: requests.exceptions.ConnectionError) -> bool:
    """Whether something came that is no HTTP. requests calls this, too, a failed connection."""
    cause = error.args[0] if error.args else None
    cause = cause.args[-1] if isinstance(cause, urllib3.exceptions.ProtocolError) else cause
    return isinstance(cause, http.client.HTTPException) and not isinstance(cause, ConnectionError)


def _prepared(
    method: str, url: str, headers: Mapping[str, str], body: bytes | None
) -> requests.PreparedRequest:
    """A request as it stands: nothing is added, re-quoted or read from the environment."""
    request = requests.PreparedRequest()
    request.method = method
    request.url = url
    request.headers = CaseInsensitiveDict(headers)
    request.body = body
    request.hooks = {}
    return request


def _failed(response: requests.Response) -> QueryFailed:
    """What a response other than 200 says. A 502 or 503 may be tried again, if it does not forbid it."""
    try:
        body = _read_some(response, _ERROR_BODY_LIMIT)
    except QueryFailed:
        body = b""
    retryable = response.status_code in (502, 503) and "Retry-After" not in response.headers
    error = faults.from_response(response.status_code, response.headers, body)
    return QueryFailed(error, retryable=retryable and not faults.forbids_retry(body))


def _read_some(response: requests.Response, limit: int) -> bytes:
    """At most ``limit`` bytes of a body that a person waits for: a stall ends it soon."""
    try:
        if _head_of(response).fp is not None:
            _socket_of(response).settimeout(_WHOLE_BODY_TIMEOUT_SECONDS)
        body: bytes = response.raw.read(limit, decode_content=True)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise QueryFailed(errors.bad_upstream("Poe's answer could not be read.")) from error
    return body


def _head_of(response: requests.Response) -> Any:
    """http.client's response, which urllib3 wraps: there is no public way to it."""
    return response.raw._fp


def _socket_of(response: requests.Response) -> socket.socket:
    """The connection below http.client's buffer."""
    connection: socket.socket = _head_of(response).fp.raw._sock
    return connection


def _take_buffered(response: requests.Response, connection: socket.socket) -> bytes:
    """What http.client read beyond the head. From here on its buffer is not used any more."""
    connection.settimeout(0)
    try:
        buffered: bytes = _head_of(response).fp.read1(_READ_SIZE)
    except OSError:  # nothing there yet (TLS says so), or broken: then the first read says that
        return b""
    return buffered


def _decoder_for(response: requests.Response) -> BodyDecoder:
    head = _head_of(response)  # http.client has applied RFC 9112 section 6.3 already
    decoder: BodyDecoder
    if head.chunked:
        decoder = ChunkedDecoder()
    elif head.length is not None:
        decoder = LengthDecoder(head.length)
    else:
        decoder = CloseDecoder()
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if coding in ("", "identity"):
        return decoder
    if coding in ("gzip", "x-gzip", "deflate"):
        return InflatingDecoder(decoder)
    raise QueryFailed(errors.bad_upstream("Poe's answer is compressed in a way that nobody asked for."))
