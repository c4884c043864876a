"""Requests: what every request has: an id, a line in the log, CORS, errors in the client's form."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Flask, Request, Response, g, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from app import base_urls
from app.admission import Admission
from app.completion import Trace
from app.dialects import chat_answer, messages_answer
from app.errors import ApiError, internal_error
from app.logs import Line, fault, logger, masked, word
from app.metrics import OTHER, Metrics

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_HEADER_NAMES = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~, -]{1,4096}")
# Asked for all the time. Refused requests for the panel are logged: they may be guesses at the password.
_QUIET_PATHS = ("/healthz", "/readyz")
_QUIET_PANEL_PATHS = ("/static/", "/api/admin/state", "/metrics")
PANEL_PREFIXES = ("/admin", "/api/", "/static/", "/metrics")  # same origin only
_EXPOSED = ", ".join(
    [
        "x-request-id",
        "request-id",
        "retry-after",
        "x-should-retry",
        "x-ratelimit-limit-requests",
        "x-ratelimit-remaining-requests",
        "x-ratelimit-reset-requests",
    ]
)
# Both vendors' packages go by it; Claude Code would otherwise go on trying a wrong key.
_FINAL = {"x-should-retry": "false"}


@dataclass
class Record:
    """One request's line in the log. No key and no text of a message ever goes into it.

    ``client`` is the address it came from (see app/proxies.py). ``route``, ``dialect`` and ``model`` are its
    labels in the ``metrics``; ``trace`` is that of its completion, if there is one.
    """

    id: str
    method: str
    path: str
    client: str | None
    metrics: Metrics
    route: str
    dialect: str
    started: float = field(default_factory=time.monotonic)
    status: int = 0
    first_ms: int | None = None
    model: str = OTHER
    trace: Trace | None = None
    details: dict[str, object] = field(default_factory=dict)

    def begin_completion(self, trace: Trace, model: str) -> None:
        """The request is for a completion. ``model`` is its label, one of not too many."""
        self.trace, self.model = trace, model
        self.metrics.begin_completion()

    def note_first_byte(self) -> None:
        """The first meaningful byte has been sent to the client."""
        if self.first_ms is None:
            self.first_ms = self._elapsed_ms()

    def write(self) -> None:
        """Write the log line."""
        times = {"first_ms": self.first_ms, "total_ms": self._elapsed_ms()}
        facts = {"id": self.id, "client": self.client, "status": self.status} | self.details | times
        is_fine = self.status < HTTPStatus.BAD_REQUEST
        is_quiet = self.path in _QUIET_PATHS or (is_fine and self.path.startswith(_QUIET_PANEL_PATHS))
        says = f"{word(self.method)} {masked(word(self.path))}"
        logger.log(logging.DEBUG if is_quiet else logging.INFO, Line(says, facts))

    def count(self) -> None:
        """Count the request in the metrics."""
        metrics = self.metrics
        metrics.count_request(self.route, self.dialect, self.status, time.monotonic() - self.started)
        if self.trace is None:
            return
        details, first = self.details, self.first_ms
        outcome = str(details["outcome"])
        metrics.count_completion(self.dialect, self.model, outcome, None if first is None else first / 1000)
        metrics.count_upstream(self.trace.errors, self.trace.waits)
        if "prompt_tokens" in details:
            tokens = int(str(details["prompt_tokens"])), int(str(details["completion_tokens"]))
            metrics.count_tokens(self.dialect, self.model, *tokens)

    def _elapsed_ms(self) -> int:
        return round((time.monotonic() - self.started) * 1000)


def served() -> Request:
    """The request being served, itself: Flask's ``request`` looks it up at each access."""
    proxy: Any = request
    current: Request = proxy._get_current_object()
    return current


def record() -> Record:
    """The record of the request being served."""
    current: Record = g.record
    return current


def is_anthropics() -> bool:
    """Whether the request being served comes from a client of Anthropic's API."""
    current = served()
    if "HTTP_ANTHROPIC_VERSION" in current.environ or current.blueprint == "messages":
        return True
    return current.blueprint is None and base_urls.is_anthropics(current.path)  # a wrong method, say


def install(app: Flask, metrics: Metrics, gates: Sequence[Callable[[], None]] = ()) -> None:
    """Make ``app`` do all this for every request. ``gates`` are called first, and may raise."""
    app.before_request(partial(_begin, metrics))
    for gate in gates:
        app.before_request(gate)
    app.before_request(_answer_preflight)
    app.after_request(_finish)
    app.register_error_handler(ApiError, render_error)
    app.register_error_handler(HTTPException, lambda error: render_error(_from_http(error)))
    app.register_error_handler(Exception, _render_fault)


def admit(blueprint: Blueprint, admission: Admission) -> None:
    """Let requests to ``blueprint`` in as ``admission`` allows, each until its response has been sent."""

    def enter() -> None:
        admission.enter()
        g.is_admitted = True

    def leave_in_the_end(response: Response) -> Response:
        if "is_admitted" in g:
            response.call_on_close(admission.leave)
        return response

    blueprint.before_request(enter)
    blueprint.after_request(leave_in_the_end)


def _begin(metrics: Metrics) -> None:
    current = served()
    given = current.environ.get("HTTP_X_REQUEST_ID", "")
    request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)
    route = current.url_rule.rule if current.url_rule else OTHER
    dialect = current.blueprint or OTHER
    about = (current.method, current.path, current.remote_addr)
    g.record = Record(request_id, *about, metrics, route, dialect)


def _answer_preflight() -> Response | None:
    current = record()
    is_preflight = current.method == "OPTIONS" and not current.path.startswith(PANEL_PREFIXES)
    if not is_preflight:
        return None
    response = Response(status=204)
    del response.headers["Content-Type"]  # there is nothing of any type
    return response


def _finish(response: Response) -> Response:
    current = record()
    current.status = current.status or response.status_code
    response.headers.add("x-request-id", current.id)
    if is_anthropics():
        response.headers["request-id"] = current.id  # where Anthropic's clients look for it
    if not current.path.startswith(PANEL_PREFIXES):
        _allow_origins(response, current.method)
    response.call_on_close(current.write)
    response.call_on_close(current.count)
    return response


def _allow_origins(response: Response, method: str) -> None:
    """CORS (https://fetch.spec.whatwg.org/#http-cors-protocol): any page may use the API, with a key."""
    headers = response.headers
    headers.add("Access-Control-Allow-Origin", "*")
    headers.add("Access-Control-Expose-Headers", _EXPOSED)
    if method != "OPTIONS":
        return
    asked = request.headers.get("Access-Control-Request-Headers", "")
    headers["Access-Control-Allow-Headers"] = asked if _HEADER_NAMES.fullmatch(asked) else "*"
    headers["Access-Control-Allow-Methods"] = "GET, HEAD, POST, OPTIONS"
    headers["Access-Control-Max-Age"] = "86400"
    headers["Vary"] = "Access-Control-Request-Headers"
    if request.headers.get("Access-Control-Request-Private-Network") == "true":
        headers["Access-Control-Allow-Private-Network"] = "true"


def render_error(error: ApiError, render: Callable[[ApiError, str], bytes] | None = None) -> Response:
    """Render ``error`` with ``render``, or else in the form of the client's API."""
    render = render or (messages_answer.render_error if is_anthropics() else chat_answer.render_error)
    current = record()
    current.details["code"] = error.code or error.type
    body = render(error, current.id)
    headers = {**error.headers, **(_FINAL if error.is_final else {})}
    return Response(body, error.status, headers, content_type="application/json")


def _render_fault(error: Exception) -> Response:
    logger.error("request %s failed: %s", record().id, fault(error))
    return render_error(internal_error())


def _from_http(error: HTTPException) -> ApiError:
    """An error that Flask raised by itself."""
    status = error.code or 500
    if isinstance(error, MethodNotAllowed):
        allowed = ", ".join(sorted(error.valid_methods or ()))
        message = f"{request.method} is not allowed here; allowed: {allowed}."
        return ApiError(405, message, code="method_not_allowed", headers={"Allow": allowed})
    kind = "invalid_request_error" if status < 500 else "server_error"
    return ApiError(status, f"{error.name}.", kind)
