"""Chat: ``POST /v1/chat/completions`` and ``/chat/completions``."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from typing import Any, cast

from flask import Blueprint, Response, request
from werkzeug.datastructures import Headers

from app.admission import Admission
from app.answer.deltas import Delta, Failure, Finish
from app.api import requests
from app.api.access import Access
from app.api.requests import Record
from app.bodies import read_body
from app.completion import Completions, Trace
from app.dialects import chat as dialect
from app.dialects.chat_answer import ChatCompletion, ChatStream, render_stream_error
from app.errors import ApiError, answer_timeout, internal_error, stopping
from app.lifecycle import Lifecycle
from app.logs import fault, logger
from app.metrics import OTHER
from app.models import options
from app.models.catalog import Catalog
from app.settings import Settings
from app.streaming import ClientGone, Pump
from app.turns import Turns

_HEARTBEAT = b": ping\n\n"
_STREAM_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",  # nginx: hand on at once
}
_CLIENT_GONE_STATUS = 499  # nginx's, for the log; nobody reads the answer


def create_blueprint(
    completions: Completions,
    access: Access,
    catalog: Catalog,
    admission: Admission,
    lifecycle: Lifecycle,
    settings: Settings,
) -> Blueprint:
    """The routes over ``completions``, for whom ``access`` lets in, as many at once as ``admission`` does."""
    blueprint = Blueprint("chat", __name__)
    requests.admit(blueprint, admission)
    heartbeat_seconds = settings.heartbeat_seconds or None

    @blueprint.post("/v1/chat/completions")
    @blueprint.post("/chat/completions")
    def create_completion() -> Response:
        grant = access.grant(request)
        record, trace = requests.record(), Trace()
        record.details["key"] = grant.name
        turns = Turns()
        chat = dialect.decode(read_body(request, settings.max_request_size, turns.give), turns.give)
        turns.give()
        bot = catalog.resolve(chat.conversation.model)
        conversation = options.applied(chat.conversation, bot.options)
        record.details |= {
            "bot": bot.name,
            "stream": int(chat.stream),
            "outcome": "client_gone",
        }
        record.begin_completion(trace, bot.name if bot.is_listed else OTHER)
        source = completions.run(conversation, bot.name, grant.poe_key, trace, catalog.tools_way(bot))
        patience = heartbeat_seconds if chat.stream else None
        pump = Pump(admission.in_turn(source), request.environ.get("gunicorn.socket"), patience)
        if limit := settings.answer_timeout_seconds:
            pump.end_after(limit, answer_timeout(limit))
        exchange = _Exchange(
            chat.conversation.model,
            pump,
            record,
            trace,
            include_usage=chat.include_usage,
            as_functions=chat.as_functions,
            reasoning_fields=options.reasoning_fields(bot.options),
        )
        lifecycle.register(exchange)
        is_streamed = chat.stream
        del chat  # its attachments may be large, and the answer long
        return exchange.stream() if is_streamed else exchange.whole()

    return blueprint


class _Stream(Response):
    """A body that consists of bytes already, under header fields that need no correction."""

    def get_wsgi_headers(self, environ: dict[str, Any]) -> Headers:  # noqa: ARG002
        return self.headers

    def iter_encoded(self) -> Iterator[bytes]:
        return cast("Iterator[bytes]", iter(self.response))


class _Exchange:
    """One request and its answer, on the wire of HTTP."""

    def __init__(
        self,
        model: str,
        pump: Pump[Sequence[Delta]],
        record: Record,
        trace: Trace,
        *,
        include_usage: bool,
        as_functions: bool,
        reasoning_fields: Sequence[str],
    ) -> None:
        self._model = model
        self._include_usage = include_usage
        self._as_functions = as_functions
        self._reasoning_fields = reasoning_fields
        self._pump = pump
        self._record = record
        self._trace = trace
        self._id = f"chatcmpl-{secrets.token_hex(16)}"
        self._created = int(time.time())

    def interrupt(self) -> None:
        """Time is up: the client gets an error instead of the rest."""
        self._pump.interrupt(stopping())

    def whole(self) -> Response:
        """The answer in one body."""
        completion = ChatCompletion(
            self._id,
            self._created,
            self._model,
            as_functions=self._as_functions,
            reasoning_fields=self._reasoning_fields,
        )
        try:
            while not completion.is_over:
                completion.add(self._take())
        except ClientGone:
            self._record.status = _CLIENT_GONE_STATUS
            return Response(status=_CLIENT_GONE_STATUS)
        finally:
            self._pump.close()
        return Response(completion.render(), headers=self._trace.headers, content_type="application/json")

    def stream(self) -> Response:
        """The answer as it comes.

        The status waits for the first thing that Poe says, so that an error has one, but no longer
        than a heartbeat.
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
        response = _Stream(self._chunks(first), headers=_STREAM_HEADERS | dict(self._trace.headers))
        response.call_on_close(self._pump.close)
        return response

    def _chunks(self, batch: Sequence[Delta] | None) -> Iterator[bytes]:
        """The bytes of the stream; ``None`` stands for a silence as long as a heartbeat."""
        stream = ChatStream(
            self._id,
            self._created,
            self._model,
            include_usage=self._include_usage,
            as_functions=self._as_functions,
            reasoning_fields=self._reasoning_fields,
        )
        try:
            while True:
                yield stream.render(batch) if batch else _HEARTBEAT
                if batch:
                    self._record.note_first_byte()
                    if _is_last(batch):
                        return
                try:
                    batch = self._take()
                except TimeoutError:
                    batch = None
        except ClientGone:
            return
        except ApiError as error:
            yield render_stream_error(error)
        except Exception as error:  # noqa: BLE001 - the outermost edge of a stream
            logger.error("request %s failed in its stream: %s", self._record.id, fault(error))
            yield render_stream_error(internal_error())

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
