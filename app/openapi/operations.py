"""Operations: what each route takes, answers and refuses. A test compares them with the routes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from app.admin.config import Import
from app.dialects import chat
from app.openapi import answers

JSON = "application/json"
YAML = "application/yaml"
EVENTS = "text/event-stream"


class Operation(Struct, frozen=True, kw_only=True):
    """One method of one path, which it may have under several names.

    ``answers``: a type for each media type, ``str`` for text, or a tuple of which one comes. ``errors``: the
    statuses that it may end with besides those that every route has. ``schemes``: one of them is asked for.
    """

    method: str = "get"
    paths: Sequence[str]
    id: str
    tag: str
    summary: str
    body: type | None = None
    answers: Mapping[str, Any]
    errors: Sequence[int] = ()
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


KEYS = ("bearer", "xApiKey", "apiKey")
PANEL = ("basic",)
METRICS = ("basic", "metricsToken")

_PANEL_ERRORS = (401, 403, 429)
_SAVE_ERRORS = (*_PANEL_ERRORS, 408, 409, 413, 415)
_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "description": "The ETag of the version that this changes: refused (409) if there is another by now.",
    "schema": {"type": "string"},
}
_FORMAT = {
    "name": "format",
    "in": "query",
    "schema": {"type": "string", "enum": ["yaml", "json"], "default": "yaml"},
}
_VERSION = _path("id", "The version's id, of the history.", "1795449358000-3f2a9c1d5e7b8a60")

OPERATIONS: Sequence[Operation] = (
    Operation(
        method="post",
        paths=("/v1/chat/completions", "/chat/completions"),
        id="createChatCompletion",
        tag="chat",
        summary="One completion, whole or, with stream true, as server-sent events.",
        body=chat.Request,
        answers={JSON: answers.ChatCompletion, EVENTS: answers.ChatCompletionChunk},
        errors=(401, 402, 403, 404, 408, 413, 415, 429, 502, 503, 504),
        schemes=KEYS,
    ),
    Operation(
        paths=("/v1/models", "/models"),
        id="listModels",
        tag="models",
        summary="The list of bots: Poe's, as models.yaml shapes it.",
        answers={JSON: answers.ModelList},
        errors=(502,),
    ),
    Operation(
        paths=("/v1/models/{model_id}", "/models/{model_id}"),
        id="retrieveModel",
        tag="models",
        summary="One bot of the list.",
        answers={JSON: answers.ModelEntry},
        errors=(404, 502),
        parameters=(
            _path("model_id", "A name of the list, in any case, also with a vendor's prefix.", "GPT-4o"),
        ),
    ),
    Operation(
        paths=("/", "/v1"),
        id="about",
        tag="service",
        summary="What this is.",
        answers={JSON: answers.About},
    ),
    Operation(
        paths=("/healthz",),
        id="isUp",
        tag="service",
        summary="200 while the process is up; asks nobody.",
        answers={JSON: answers.Health},
    ),
    Operation(
        paths=("/readyz",),
        id="isReady",
        tag="service",
        summary="200 while requests are welcome, 503 once the process has been told to stop.",
        answers={JSON: answers.Health},
    ),
    Operation(
        paths=("/metrics",),
        id="readMetrics",
        tag="service",
        summary="What all workers did, in Prometheus' text format; on METRICS_PORT alone, if that is set.",
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
    Operation(
        paths=("/static/{path}",),
        id="readAsset",
        tag="panel",
        summary="What the page is made of.",
        answers={"*/*": str},
        errors=(404,),
        parameters=(_path("path", "The file's path.", "panel.js"),),
        headers=("ETag",),
    ),
    Operation(
        paths=("/api/models",),
        id="listBots",
        tag="panel",
        summary="All bots: those that Poe lists, that models.yaml names, or that have gone.",
        answers={JSON: answers.Bots},
        errors=_PANEL_ERRORS,
        schemes=PANEL,
    ),
    Operation(
        paths=("/api/admin/config",),
        id="readConfig",
        tag="panel",
        summary="The content of models.yaml that is in force.",
        answers={JSON: answers.Config},
        errors=_PANEL_ERRORS,
        schemes=PANEL,
        headers=("ETag",),
    ),
    Operation(
        method="post",
        paths=("/api/admin/config",),
        id="writeConfig",
        tag="panel",
        summary="Make that the content of models.yaml. An absent known field is removed.",
        body=answers.ConfigChange,
        answers={JSON: answers.Config},
        errors=_SAVE_ERRORS,
        schemes=PANEL,
        parameters=(_IF_MATCH,),
        headers=("ETag",),
    ),
    Operation(
        paths=("/api/admin/history",),
        id="listVersions",
        tag="panel",
        summary="The last versions of models.yaml, the newest first.",
        answers={JSON: answers.History},
        errors=_PANEL_ERRORS,
        schemes=PANEL,
    ),
    Operation(
        paths=("/api/admin/history/{id}",),
        id="readVersion",
        tag="panel",
        summary="One of them, and what has changed since.",
        answers={JSON: answers.PastVersion},
        errors=(*_PANEL_ERRORS, 404),
        schemes=PANEL,
        parameters=(_VERSION,),
    ),
    Operation(
        method="post",
        paths=("/api/admin/history/{id}/restore",),
        id="restoreVersion",
        tag="panel",
        summary="Make a version the current one; the token stays as it is.",
        body=answers.Empty,
        answers={JSON: answers.Config},
        errors=(*_SAVE_ERRORS, 404),
        schemes=PANEL,
        parameters=(_VERSION, _IF_MATCH),
        headers=("ETag",),
    ),
    Operation(
        method="post",
        paths=("/api/admin/import",),
        id="importConfig",
        tag="panel",
        summary="Take over a text, or, with dry_run, say what that would change.",
        body=Import,
        answers={JSON: (answers.Config, answers.Preview)},
        errors=_SAVE_ERRORS,
        schemes=PANEL,
        parameters=(_IF_MATCH,),
    ),
    Operation(
        paths=("/api/admin/export",),
        id="exportConfig",
        tag="panel",
        summary="models.yaml as a file to take away, without the token.",
        answers={YAML: answers.ConfigFields, JSON: answers.ConfigFields},
        errors=_PANEL_ERRORS,
        schemes=PANEL,
        parameters=(_FORMAT,),
    ),
    Operation(
        paths=("/api/admin/state",),
        id="readState",
        tag="panel",
        summary="How the service does. Cheap.",
        answers={JSON: answers.State},
        errors=_PANEL_ERRORS,
        schemes=PANEL,
    ),
)
