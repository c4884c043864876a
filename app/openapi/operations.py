"""Operations: the requests, answers and errors of each route. A test compares them with the routes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from app.admin.config import Import
from app.dialects import chat, messages, responses
from app.openapi import answers
from app.openapi import messages as message_answers
from app.openapi import responses as response_answers
from app.openapi.answers import Error

JSON = "application/json"
YAML = "application/yaml"
EVENTS = "text/event-stream"


class Operation(Struct, frozen=True, kw_only=True):
    """One method of one path, which it may have under several names.

    ``answers``: a type for each media type, ``str`` for text, or a tuple of which one comes; ``stream`` says
    how they stand in a stream. ``bare``: what
    else it may end with, without an error's body. ``errors``: the statuses that it may refuse with besides
    those that every route has, with the body ``error``. ``schemes``: one of them is asked for.
    """

    method: str = "get"
    paths: Sequence[str]
    id: str
    tag: str
    summary: str
    body: type | None = None
    answers: Mapping[str, Any]
    stream: str = ""
    bare: Mapping[int, str] = {}
    errors: Sequence[int] = ()
    error: type = Error
    schemes: Sequence[str] = ()
    parameters: Sequence[Mapping[str, Any]] = ()
    headers: Sequence[str] = ()


def _path(name: str, description: str, example: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": {"type": "string", "minLength": 1},
        "example": example,
    }


KEYS = ("bearer", "xApiKey", "apiKey", "xGoogApiKey")
PANEL = ("basic",)
METRICS = ("basic", "metricsToken")
_COMPLETION_ERRORS = (401, 402, 403, 404, 408, 413, 415, 429, 502, 504)

_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "description": "The ETag of the version to change: refused (409) if it is no longer the current one.",
    "schema": {"type": "string"},
}
_FORMAT = {
    "name": "format",
    "in": "query",
    "schema": {"type": "string", "enum": ["yaml", "json"], "default": "yaml"},
}
_VERSION = _path("id", "The version's id, from the history.", "1795449358000-3f2a9c1d5e7b8a60")
_NOT_MODIFIED = {304: "Not modified: the version in If-None-Match is still current."}
_PART = {206: "The part that Range requests."}


def _service(path: str, id: str, summary: str, answer: type = answers.Health) -> Operation:
    """An operation about the gateway itself, which asks nobody."""
    return Operation(paths=(path,), id=id, tag="service", summary=summary, answers={JSON: answer})


def _panel(
    path: str,
    id: str,
    summary: str,
    answers: Mapping[str, Any] | type,
    *,
    errors: Sequence[int] = (),
    **more: Any,
) -> Operation:
    """What only the panel's own page may ask for, with its password. ``answers``: or the type of its JSON."""
    return Operation(
        paths=(path,),
        id=id,
        tag="panel",
        summary=summary,
        answers=answers if isinstance(answers, Mapping) else {JSON: answers},
        errors=(401, 403, 429, *errors),
        schemes=PANEL,
        **more,
    )


def _save(
    path: str,
    id: str,
    summary: str,
    body: type,
    answer: Any = answers.Config,
    *,
    variables: Sequence[Any] = (),
    errors: Sequence[int] = (),
) -> Operation:
    """What changes models.yaml, if that is still the one that is meant."""
    return _panel(
        path,
        id,
        summary,
        {JSON: answer},
        method="post",
        body=body,
        errors=(408, 409, 413, 415, *errors),
        parameters=(*variables, _IF_MATCH),
        headers=("ETag",),
    )


OPERATIONS: Sequence[Operation] = (
    Operation(
        method="post",
        paths=("/v1/chat/completions", "/chat/completions"),
        id="createChatCompletion",
        tag="chat",
        summary="One completion, whole or, with stream true, as server-sent events.",
        body=chat.Request,
        answers={JSON: answers.ChatCompletion, EVENTS: answers.ChatCompletionChunk},
        stream="The data of each is a ChatCompletionChunk, or an Error if the answer fails half-way; the "
        "last is [DONE].",
        errors=_COMPLETION_ERRORS,
        schemes=KEYS,
    ),
    Operation(
        method="post",
        paths=("/v1/responses", "/responses"),
        id="createResponse",
        tag="responses",
        summary="One response, whole or, with stream true, as server-sent events. Nothing is stored.",
        body=responses.CreateResponse,
        answers={JSON: response_answers.Response, EVENTS: response_answers.ResponseEvent},
        stream="The data of each is an object whose type is the event's; the last is response.completed, "
        "response.incomplete or response.failed.",
        errors=_COMPLETION_ERRORS,
        schemes=KEYS,
    ),
    Operation(
        method="post",
        paths=("/v1/messages", "/messages"),
        id="createMessage",
        tag="messages",
        summary="One message, whole or, with stream true, as server-sent events.",
        body=messages.CreateMessage,
        answers={JSON: message_answers.AssistantMessage, EVENTS: message_answers.MessageStreamEvent},
        stream="The data of each is a MessageStreamEvent; the last is message_stop, or error.",
        errors=_COMPLETION_ERRORS,
        error=message_answers.MessagesError,
        schemes=KEYS,
    ),
    Operation(
        method="post",
        paths=("/v1/messages/count_tokens", "/messages/count_tokens"),
        id="countTokens",
        tag="messages",
        summary="The number of prompt tokens of a message. Poe is not contacted.",
        body=messages.CreateMessage,
        answers={JSON: message_answers.TokenCount},
        errors=(401, 404, 408, 413, 415, 502),
        error=message_answers.MessagesError,
        schemes=KEYS,
    ),
    Operation(
        paths=("/v1/models", "/models"),
        id="listModels",
        tag="models",
        summary="The list of bots: Poe's, modified by models.yaml.",
        answers={JSON: (answers.ModelList, message_answers.MessagesModelList)},
        errors=(502,),
    ),
    Operation(
        paths=("/v1/models/{model_id}", "/models/{model_id}"),
        id="retrieveModel",
        tag="models",
        summary="One bot from the list.",
        answers={JSON: (answers.ModelEntry, message_answers.MessagesModel)},
        errors=(404, 502),
        parameters=(
            _path("model_id", "A name from the list, in any case, also with a vendor prefix.", "GPT-4o"),
        ),
    ),
    Operation(
        paths=("/", "/v1"),
        id="about",
        tag="service",
        summary="What this is.",
        answers={JSON: answers.About},
    ),
    _service("/healthz", "isUp", "200 while the process is up; asks nobody."),
    _service(
        "/readyz", "isReady", "200 while requests are welcome, 503 once the process has been told to stop."
    ),
    Operation(
        paths=("/metrics",),
        id="readMetrics",
        tag="service",
        summary="Metrics of all workers in Prometheus' text format; only on METRICS_PORT, if that is set.",
        answers={"text/plain": str},
        errors=(401, 429),
        schemes=METRICS,
    ),
    Operation(
        paths=("/openapi.json",),
        id="describe",
        tag="service",
        summary="This document.",
        answers={JSON: dict[str, Any]},
        bare=_NOT_MODIFIED,
        headers=("ETag",),
    ),
    Operation(
        paths=("/static/{path}",),
        id="readAsset",
        tag="panel",
        summary="The assets of the panel's page.",
        answers={"*/*": str},
        bare=_PART | _NOT_MODIFIED,
        errors=(404, 416),
        parameters=(_path("path", "The file's path.", "panel.js"),),
        headers=("ETag",),
    ),
    Operation(
        paths=("/admin",),
        id="showPanel",
        tag="panel",
        summary="The panel's page.",
        answers={"text/html": str},
        errors=(401, 429),
        schemes=PANEL,
    ),
    _panel(
        "/api/models",
        "listBots",
        "All bots: those that Poe lists, that models.yaml names, or that have disappeared.",
        answers.Bots,
    ),
    _panel(
        "/api/admin/config",
        "readConfig",
        "The content of models.yaml that is in force.",
        answers.Config,
        headers=("ETag",),
    ),
    _save(
        "/api/admin/config",
        "writeConfig",
        "Replace the content of models.yaml. Known fields that are absent are removed.",
        answers.ConfigChange,
    ),
    _panel(
        "/api/admin/history",
        "listVersions",
        "The last versions of models.yaml, newest first.",
        answers.History,
    ),
    _panel(
        "/api/admin/history/{id}",
        "readVersion",
        "One version, and what has changed since.",
        answers.PastVersion,
        errors=(404,),
        parameters=(_VERSION,),
    ),
    _save(
        "/api/admin/history/{id}/restore",
        "restoreVersion",
        "Restore a version; the current token is kept.",
        answers.Empty,
        variables=(_VERSION,),
        errors=(404,),
    ),
    _save(
        "/api/admin/import",
        "importConfig",
        "Import a text or, with dry_run, preview what that would change.",
        Import,
        (answers.Config, answers.Preview),
    ),
    _panel(
        "/api/admin/export",
        "exportConfig",
        "models.yaml as a file to take away, without the token.",
        {YAML: answers.ConfigFields, JSON: answers.ConfigFields},
        parameters=(_FORMAT,),
    ),
    _panel("/api/admin/state", "readState", "The state of the service. Cheap.", answers.State),
)
