"""Document: the operations as OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.2.html)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from app.openapi.operations import EVENTS, JSON, OPERATIONS, Operation
from app.version import VERSION

_COMPONENT = "#/components/schemas/{name}"
_RULE_VARIABLE = re.compile(r"<(?:\w+:)?(\w+)>")
_EVERYWHERE = (400, 500, 503)
_RETRY_AFTER = (429, 503)

_ABOUT = """\
Every Poe bot for every program that speaks OpenAI's or Anthropic's API.

Every error has the same body, except for clients of Anthropic's API: those that request messages, or send
`anthropic-version`. Invalid HTTP is refused by the server itself, in the same form: 400,
403, 414, 417, 431 or 501. A method that a path does not have is a 405 with `Allow`, an unknown path a
404. Every GET may be a HEAD. Fields of a request that are not named here are parameters of the
bot. Numbers and booleans may be given as text.
"""
_STREAM = "Server-sent events. {} Lines that begin with a colon are heartbeats."
_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A Poe API key (https://poe.com/api_key), or a gateway key. `Bearer` may be missing.",
    },
    "xApiKey": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "The same key."},
    "apiKey": {"type": "apiKey", "in": "header", "name": "api-key", "description": "The same key."},
    "xGoogApiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "x-goog-api-key",
        "description": "The same key.",
    },
    "basic": {
        "type": "http",
        "scheme": "basic",
        "description": "ADMIN_USERNAME and ADMIN_PASSWORD. After ten wrong attempts a minute, 429.",
    },
    "metricsToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "METRICS_TOKEN, which replaces the password if it is set.",
    },
}
_HEADERS = {
    "RequestId": {
        "description": "The request's id, as in the log: the client's, or a new one.",
        "schema": {"type": "string"},
    },
    "ETag": {
        "description": "The version of the answer's content.",
        "schema": {"type": "string"},
    },
    "RetryAfter": {
        "description": "Seconds after which to retry, if known.",
        "schema": {"type": "string"},
    },
    "Authenticate": {
        "description": "On the panel, its API and the metrics: the way of authentication that is asked for.",
        "schema": {"type": "string"},
    },
}
_NAMES = {"RequestId": "x-request-id", "RetryAfter": "Retry-After", "Authenticate": "WWW-Authenticate"}


def build(rules: Collection[str]) -> dict[str, Any]:
    """The document of the operations served; ``rules`` are the paths as werkzeug writes them."""
    served = {path_of(rule) for rule in rules}
    names, schemas = _schemas(OPERATIONS)
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        for number, path in enumerate(operation.paths):
            if path in served:
                paths.setdefault(path, {})[operation.method] = _operation(operation, number, names)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "poe2openai",
            "version": VERSION,
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": _SCHEMES, "headers": _HEADERS},
    }


def path_of(rule: str) -> str:
    """A rule of werkzeug's as OpenAPI writes it: ``/models/<path:id>`` is ``/models/{id}``."""
    return _RULE_VARIABLE.sub(r"{\1}", rule)


def _operation(operation: Operation, number: int, schemas: Mapping[Any, Any]) -> dict[str, Any]:
    """``number``: which of its paths this is, for an id belongs to one alone."""
    described: dict[str, Any] = {
        "operationId": operation.id if not number else f"{operation.id}{number + 1}",
        "tags": [operation.tag],
        "summary": operation.summary,
        "security": [{scheme: []} for scheme in operation.schemes],
        "responses": _responses(operation, schemas),
    }
    if operation.parameters:
        described["parameters"] = operation.parameters
    if operation.body:
        content = {JSON: {"schema": schemas[operation.body]}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _responses(operation: Operation, schemas: Mapping[Any, Any]) -> dict[str, Any]:
    content = {
        kind: {"schema": {"description": _STREAM.format(operation.stream)}}  # 3.1 has no words for events
        if kind == EVENTS
        else _content(form, schemas)
        for kind, form in operation.answers.items()
    }
    responses = {
        "200": {
            "description": "The answer.",
            "headers": _headers("RequestId", *operation.headers),
            "content": content,
        }
    }
    for status, description in operation.bare.items():
        responses[str(status)] = {"description": description, "headers": _headers("RequestId")}
    error = {JSON: {"schema": schemas[operation.error]}}
    for status in sorted({*_EVERYWHERE, *operation.errors}):
        names = ["RetryAfter"] if status in _RETRY_AFTER else []
        names += ["Authenticate"] if status == HTTPStatus.UNAUTHORIZED else []
        responses[str(status)] = {
            "description": f"{HTTPStatus(status).phrase}.",
            "headers": _headers("RequestId", *names),
            "content": error,
        }
    return responses


def _content(form: Any, schemas: Mapping[Any, Any]) -> dict[str, Any]:
    found = [schemas[each] for each in _alternatives(form)]
    return {"schema": found[0] if len(found) == 1 else {"anyOf": found}}


def _alternatives(form: Any) -> tuple[Any, ...]:
    return form if isinstance(form, tuple) else (form,)


def _headers(*names: str) -> dict[str, Any]:
    return {_NAMES.get(name, name): {"$ref": f"#/components/headers/{name}"} for name in names}


def _schemas(operations: Iterable[Operation]) -> tuple[Mapping[Any, Any], dict[str, Any]]:
    """The schema of each type that ``operations`` name, and the components to which they refer."""
    forms: dict[Any, None] = {}
    for operation in operations:
        forms[operation.error] = None
        forms |= {form: None for each in operation.answers.values() for form in _alternatives(each)}
        forms |= {operation.body: None} if operation.body else {}
    types: Sequence[Any] = list(forms)
    schemas, components = msgspec.json.schema_components(types, ref_template=_COMPONENT)
    public = _public(components)
    assert len(public) == len(components), "two types have the same name but for an underscore"
    return dict(zip(types, map(_public, schemas), strict=True)), public


def _public(schema: Any) -> Any:
    """``schema`` with public names of the types: without the underscore of private ones."""
    text = msgspec.json.encode(schema).decode()
    text = re.sub(r'"_(?=[A-Z]\w*":)', '"', text)
    text = re.sub(r'(?<="title":")_(?=[A-Z])', "", text)
    return _usual(msgspec.json.decode(text.replace("#/components/schemas/_", "#/components/schemas/")))


def _usual(schema: Any) -> Any:
    """``schema`` as client generators know it: ``const`` for a single value, ``items`` for each array.

    A union of ``x-any-type`` takes objects of other types, too, and of none, one of ``x-any-json`` all there
    is; what is ``x-as-text``, text.
    """
    if isinstance(schema, list):
        return [_usual(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    usual = {name: _usual(each) for name, each in schema.items()}
    if isinstance(only := usual.get("enum"), list) and len(only) == 1:
        usual["const"] = usual.pop("enum")[0]
    if usual.get("type") == "array":
        usual.setdefault("items", {})
    if usual.pop("x-any-type", False):
        other = {"type": "string", "not": {"enum": list(usual.pop("discriminator")["mapping"])}}
        usual["anyOf"].append({"type": "object", "required": ["type"], "properties": {"type": other}})
        usual["anyOf"].append({"type": "object", "properties": {"type": {"type": "null"}}})
    if usual.pop("x-any-json", False):
        usual["anyOf"].append({})
    if usual.pop("x-as-text", False):
        bits: list[dict[str, Any]] = (
            [{"type": "integer", "enum": [0, 1]}] if usual["type"] == "boolean" else []
        )
        return {"anyOf": [usual, *bits, {"type": "string"}]}
    if "anyOf" in usual:
        usual["anyOf"] = [each for one in usual["anyOf"] for each in _alternatives_in(one)]
    return usual


def _alternatives_in(schema: dict[str, Any]) -> Sequence[dict[str, Any]]:
    """Those of a union alone; else ``schema`` itself."""
    return schema["anyOf"] if schema.keys() == {"anyOf"} else [schema]
