"""Exchanges: a request for a completion, from its key to the last byte of its answer, in any dialect."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Generator, Iterator, Sequence
from functools import partial
from typing import Any, cast

import flask
from flask import Blueprint, Response
from werkzeug.datastructures import Headers

from app.admission import Admission
from app.answer.deltas import Delta, Failure, Finish, joined
from app.api import requests
from app.api.access import Access
from app.api.requests import Record
from app.bodies import LastPiece, read_body
from app.completion import Completions, Trace
from app.dialects.form import Decode, Head, Request, StreamedAnswer, WholeAnswer
from app.errors import ApiError, answer_timeout, internal_error, stopping
from app.greenlets.producers import Producers
from app.greenlets.pump import ClientGone, Pump
from app.lifecycle import Lifecycle
from app.logs import fault, logger, masked
from app.metrics import OTHER
from app.models import options
from app.models.catalog import Catalog
from app.settings import Settings
from app.turns import Turns

_STREAM_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",  # nginx: pass on at once
}
_CLIENT_GONE_STATUS = 499  # nginx's, for the log; nobody reads the answer


class Exchanges:
    """Serves ``completions`` to clients that ``access`` lets in, as many at once as ``admission`` allows."""

    def __init__(
        self,
        completions: Completions,
        access: Access,
        catalog: Catalog,
        admission: Admission,
        lifecycle: Lifecycle,
        settings: Settings,
    ) -> None:
        self._completions = completions
        self._access = access
        self._catalog = catalog
        self._admission = admission
        self._lifecycle = lifecycle
        self._producers = Producers()
        self._heartbeat_seconds = settings.heartbeat_seconds or None
        self._answer_seconds = settings.answer_timeout_seconds
        self._max_request_size = settings.max_request_size

    def blueprint(self, name: str) -> Blueprint:
        """A blueprint whose requests ``admission`` lets in."""
        blueprint = Blueprint(name, __name__)
        requests.admit(blueprint, self._admission)
        return blueprint

    def serve(self, decode: Decode) -> Response:
        """Answer the request being served. Raises ``ApiError`` if that fails before an answer begins."""
        request = requests.served()
        grant = self._access.grant(request)
        record, trace = requests.record(), Trace()
        record.details["key"] = grant.name
        asked = self._asked(request, decode)
        bot = self._catalog.resolve(asked.conversation.model)
        told = bot.name if bot.is_listed else masked(bot.name)
        record.details |= {"bot": told, "stream": int(asked.stream), "outcome": "client_gone"}
        record.begin_completion(trace, bot.name if bot.is_listed else OTHER)
        source = self._completions.run(
            options.applied(asked.conversation, bot.options),
            *(bot.name, grant.poe_key, trace, self._catalog.tools_way(bot)),
        )
        client = request.environ.get("gunicorn.socket")
        exchange = _Exchange(self._pump(source, client, is_streamed=asked.stream), record, trace)
        self._lifecycle.register(exchange)
        head = Head(
            secrets.token_hex(16),
            int(time.time()),
            asked.conversation.model,
            options.reasoning_fields(bot.options),
            record.id,
            lambda: trace.prompt_tokens,
        )
        if asked.stream:
            respond = partial(exchange.stream, asked.streamed(head))
        else:
            respond = partial(exchange.whole, asked.whole(head))
        del asked  # its attachments may be large, and the answer long
        return respond()

    def count(self, decode: Decode) -> int:
        """The tokens of the request being served; no bot is asked. Raises ``ApiError``."""
        request = requests.served()
        self._access.grant(request)
        asked = self._asked(request, decode)
        bot = self._catalog.resolve(asked.conversation.model)
        conversation = options.applied(asked.conversation, bot.options)
        return self._completions.count(conversation, bot.name, self._catalog.tools_way(bot))

    def _asked(self, request: flask.Request, decode: Decode) -> Request:
        turns = Turns()
        asked = decode(read_body(request, self._max_request_size, turns.give), turns.give)
        turns.give()
        return asked

    def _pump(
        self,
        source: Generator[Sequence[Delta], None, None],
        client: socket.socket | None,
        *,
        is_streamed: bool,
    ) -> Pump[Sequence[Delta]]:
        patience = self._heartbeat_seconds if is_streamed else None
        pump = Pump(self._admission.in_turn(source), self._producers, client, patience)
        if seconds := self._answer_seconds:
            pump.end_after(seconds, answer_timeout(seconds))
        return pump


class _Stream(Response):
    """A body that is bytes already, with headers that need no correction."""

    def get_wsgi_headers(self, environ: dict[str, Any]) -> Headers:  # noqa: ARG002
        return self.headers

    def iter_encoded(self) -> Iterator[bytes]:
        return cast("Iterator[bytes]", iter(self.response))


class _Exchange:
    """One request and its answer over HTTP."""

    def __init__(self, pump: Pump[Sequence[Delta]], record: Record, trace: Trace) -> None:
        self._pump = pump
        self._record = record
        self._trace = trace

    def interrupt(self) -> None:
        """Time is up: the client gets an error instead of the rest."""
        self._pump.interrupt(stopping())

    def whole(self, answer: WholeAnswer) -> Response:
        """The answer in one body."""
        try:
            while not answer.is_over:
                answer.add(joined(self._take()))
        except ClientGone:
            self._record.status = _CLIENT_GONE_STATUS
            return Response(status=_CLIENT_GONE_STATUS)
        finally:
            self._pump.close()
        return Response(answer.render(), headers=self._trace.headers, content_type="application/json")

    def stream(self, answer: StreamedAnswer) -> Response:
        """The answer as it comes.

        The status waits for Poe's first word, so that an error can have its own, but no longer than a
        heartbeat.
        """
        first: Sequence[Delta] | None
        try:
            first = self._take()
        except TimeoutError:
            first = None
        except ClientGone:
            self._pump.close()
            self._record.status = _CLIENT_GONE_STATUS
            return Response(status=_CLIENT_GONE_STATUS)
        except BaseException:
            self._pump.close()
            raise
        if first and isinstance(first[0], Failure):
            self._pump.close()
            raise first[0].error
        response = _Stream(self._pieces(answer, first), headers=_STREAM_HEADERS | dict(self._trace.headers))
        response.call_on_close(self._pump.close)
        return response

    def _pieces(self, answer: StreamedAnswer, batch: Sequence[Delta] | None) -> Iterator[bytes]:
        """The bytes of the stream; ``None`` stands for a silence as long as a heartbeat."""
        try:
            while batch is None or not _is_last(batch):
                yield answer.heartbeat if batch is None else answer.render(batch)
                if batch:
                    self._record.note_first_byte()
                try:
                    batch = self._take()
                except TimeoutError:
                    batch = None
            self._record.note_first_byte()
            yield LastPiece(answer.render(batch))
        except ClientGone:
            return
        except ApiError as error:
            yield LastPiece(answer.render_error(error))
        except Exception as error:  # noqa: BLE001 - the outermost edge of a stream
            logger.error("request %s failed in its stream: %s", self._record.id, fault(error))
            yield LastPiece(answer.render_error(internal_error()))

    def _take(self) -> Sequence[Delta]:
        try:
            batch = self._pump.take()
        except ApiError as error:  # interrupted
            self._note_end(Failure(error))
            raise
        except (TimeoutError, ClientGone):
            raise
        except Exception:
            self._note_end(Failure(internal_error()))
            raise
        if _is_last(batch):
            self._pump.release()
            self._note_end(batch[-1])
        return batch

    def _note_end(self, last: Delta) -> None:
        details = self._record.details
        if isinstance(last, Failure):
            details |= {"outcome": "failed", "code": last.error.code}
        elif isinstance(last, Finish):
            details |= {
                "outcome": last.reason,
                "prompt_tokens": last.usage.prompt_tokens,
                "completion_tokens": last.usage.completion_tokens,
            }
        if self._trace.rounds > 1:
            details["rounds"] = self._trace.rounds
        if self._trace.attempts > 1:
            details["attempts"] = self._trace.attempts
        if self._trace.broken_events:
            details["broken_events"] = self._trace.broken_events


def _is_last(batch: Sequence[Delta]) -> bool:
    return isinstance(batch[-1], (Finish, Failure))
