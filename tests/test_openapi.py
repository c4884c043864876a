"""The API's description matches the API exactly."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from jsonschema import Draft202012Validator

from app import create_app
from app.dialects import chat, messages, responses
from app.models import config
from app.openapi.document import path_of
from app.openapi.operations import OPERATIONS
from app.settings import Settings
from tests.admin.conftest import ADMIN
from tests.gateway import KEY, Gateway, authorization, environment, message_of
from tests.response_types import events_of
from tests.upstream.scripted import DONE, ScriptedUpstream, answer, error, text

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    return create_app(Settings.load(environment(CONFIG_DIR=str(tmp_path_factory.mktemp("config")))))


@pytest.fixture(scope="module")
def document(app: Flask) -> dict[str, Any]:
    response = app.test_client().get("/openapi.json")
    assert response.status_code == 200
    assert response.content_type == "application/json"
    return response.get_json()


def operations_of(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    paths = document["paths"].items()
    return {(method.upper(), path): each for path, item in paths for method, each in item.items()}


def schema_of(document: dict[str, Any], name: str) -> Draft202012Validator:
    """Checks values by one of the components."""
    return Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    )


def test_every_route_is_described_and_nothing_else(app: Flask, document: dict[str, Any]) -> None:
    rules = app.url_map.iter_rules()
    served = {(method, path_of(rule.rule)) for rule in rules for method in rule.methods or ()}
    assert set(operations_of(document)) == {each for each in served if each[0] in METHODS}


def test_every_operation_that_can_be_described_is_served(document: dict[str, Any]) -> None:
    known = {(operation.method.upper(), path) for operation in OPERATIONS for path in operation.paths}
    assert set(operations_of(document)) == known


def test_without_a_panel_nothing_is_told_of_it(tmp_path: Path) -> None:
    closed = create_app(Settings.load(environment(CONFIG_DIR=str(tmp_path), ADMIN_PASSWORD="")))
    paths = set(closed.test_client().get("/openapi.json").get_json()["paths"])
    assert "/v1/chat/completions" in paths
    assert not [path for path in paths if path.startswith(("/admin", "/api/", "/static/", "/metrics"))]


def test_every_id_is_there_once(document: dict[str, Any]) -> None:
    ids = [each["operationId"] for each in operations_of(document).values()]
    assert len(ids) == len(set(ids))


def test_the_variables_of_a_path_are_described(document: dict[str, Any]) -> None:
    for (_, path), operation in operations_of(document).items():
        described = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "path"}
        assert described == set(re.findall(r"\{(\w+)\}", path)), path


def test_the_schemas_are_schemas_whose_references_lead_somewhere(document: dict[str, Any]) -> None:
    components = document["components"]
    for schema in components["schemas"].values():
        Draft202012Validator.check_schema(schema)
    for name in re.findall(r"'\$ref': '#/components/([^']+)'", str(document)):
        kind, _, component = name.partition("/")
        assert component in components[kind], name
    assert not [name for name in components["schemas"] if name.startswith("_")]


def test_programs_that_make_clients_understand_the_schemas(document: dict[str, Any]) -> None:
    """openapi-python-client leaves out what has an enumeration of ``false`` or an array without ``items``."""
    schemas = str(document["components"]["schemas"])
    assert "'const': False" in schemas
    assert "'enum': [False]" not in schemas

    def arrays(schema: object) -> Iterator[dict[str, Any]]:
        if isinstance(schema, dict):
            yield from [schema] if schema.get("type") == "array" else []
        for each in (
            schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
        ):
            yield from arrays(each)

    assert [each for each in arrays(document["components"]["schemas"]) if "items" not in each] == []


def test_who_must_say_who_he_is_is_told(document: dict[str, Any]) -> None:
    for (_, path), operation in operations_of(document).items():
        schemes = {name for each in operation["security"] for name in each}
        if path.startswith(("/admin", "/api/")):
            assert schemes == {"basic"}
        elif path == "/metrics":
            assert schemes == {"basic", "metricsToken"}
        else:
            asks_a_bot = path.endswith(("/completions", "/responses")) or "/messages" in path
            assert schemes == ({"bearer", "xApiKey", "apiKey", "xGoogApiKey"} if asks_a_bot else set())
        assert ("401" in operation["responses"]) == bool(schemes)
    assert {"bearer", "xApiKey", "apiKey", "xGoogApiKey", "basic", "metricsToken"} == set(
        document["components"]["securitySchemes"]
    )


@pytest.mark.parametrize("request_type", [chat.Request, responses.CreateResponse, messages.CreateMessage])
def test_the_request_has_the_fields_that_are_read(document: dict[str, Any], request_type: Any) -> None:
    described = document["components"]["schemas"][request_type.__name__]["properties"]
    assert set(described) == set(request_type.__struct_fields__)


def test_the_configuration_has_the_file_s_fields(document: dict[str, Any]) -> None:
    described = document["components"]["schemas"]["ConfigChange"]["properties"]
    assert set(described) == config.KNOWN | {"api_token_set"}
    assert "api_token" not in document["components"]["schemas"]["Config"]["properties"]


def test_who_has_the_document_is_not_sent_it_again(app: Flask) -> None:
    client = app.test_client()
    tag = client.get("/openapi.json").headers["ETag"]
    again = client.get("/openapi.json", headers={"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")
    assert client.get("/openapi.json", headers={"If-None-Match": '"another"'}).status_code == 200


def test_a_file_may_be_had_in_part_or_not_again_as_it_is_described(
    panel: Gateway, document: dict[str, Any]
) -> None:
    described = document["paths"]["/static/{path}"]["get"]["responses"]
    tag = panel.http.get("/static/panel.js").headers["ETag"]
    for headers, status in (
        ({"Range": "bytes=0-9"}, 206),
        ({"If-None-Match": tag}, 304),
        ({"Range": "bytes=9999999-"}, 416),
    ):
        response = panel.http.get("/static/panel.js", headers=headers)
        assert response.status_code == status
        assert str(status) in described
    schema_of(document, "Error").validate(response.json())


def test_the_server_is_where_the_gateway_is_published(tmp_path: Path) -> None:
    below = create_app(Settings.load(environment(CONFIG_DIR=str(tmp_path), SCRIPT_NAME="/poe")))
    assert below.test_client().get("/openapi.json").get_json()["servers"] == [{"url": "/poe"}]


def test_answers_are_as_they_are_described(
    gateway: Gateway, upstream: ScriptedUpstream, document: dict[str, Any]
) -> None:
    bot = upstream.bot(answer(text("*Thinking...*\n\n> Well.\n\nFour."), DONE))
    whole = gateway.ask(bot.name)
    assert message_of(whole)["reasoning_content"]
    schema_of(document, "ChatCompletion").validate(whole.json())
    events = gateway.stream(bot.name, stream_options={"include_usage": True})
    assert events.pop() == "[DONE]"
    assert len(events) >= 4
    for event in events:
        schema_of(document, "ChatCompletionChunk").validate(event)


CALL = '<tool_call name="look"><parameter name="what">up</parameter></tool_call>'
LOOK = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {"what": {}}}}


@pytest.mark.parametrize("said", ["Four.", CALL])
@pytest.mark.parametrize("kind", ["function", "custom"])
def test_responses_are_as_they_are_described(
    gateway: Gateway, upstream: ScriptedUpstream, document: dict[str, Any], said: str, kind: str
) -> None:
    broken = error("Oh.", allow_retry=False)
    thought = text("*Thinking...*\n\n> Well.\n\n")
    bot = upstream.bot(*[answer(thought, text(said), DONE)] * 2, answer(text("Four."), broken))
    body = {"model": bot.name, "input": "2 + 2?", "tools": [LOOK | {"type": kind}], "metadata": {"a": "b"}}
    whole = gateway.http.post("/v1/responses", json=body, headers=authorization())
    schema_of(document, "Response").validate(whole.json())
    for last in ("completed", "failed"):
        events = events_of(
            gateway.http.post("/v1/responses", json=body | {"stream": True}, headers=authorization()).content
        )
        assert events[-1]["type"] == f"response.{last}"
        for event in events:
            name = described_as(document, event["type"])
            schema_of(document, name).validate(event)


def described_as(document: dict[str, Any], kind: str) -> str:
    """The component that describes events of this type of the Responses API."""
    schemas = [
        each for each in document["components"]["schemas"].items() if not each[0].startswith("Message")
    ]
    types = {name: each.get("properties", {}).get("type", {}) for name, each in schemas}
    (name,) = [name for name, each in types.items() if kind in (each.get("const"), *each.get("enum", ()))]
    return name


def test_calls_are_as_they_are_described(
    gateway: Gateway, upstream: ScriptedUpstream, document: dict[str, Any]
) -> None:
    said = '<tool_call name="look"><parameter name="what">up</parameter></tool_call>'
    bot = upstream.bot(answer(text(said), DONE))
    function = {"name": "look", "parameters": {"type": "object", "properties": {"what": {"type": "string"}}}}
    for offer, field in (
        ({"tools": [{"type": "function", "function": function}]}, "tool_calls"),
        ({"functions": [function]}, "function_call"),
    ):
        whole = gateway.ask(bot.name, **offer)
        assert field in message_of(whole), whole.text
        schema_of(document, "ChatCompletion").validate(whole.json())
        for event in gateway.stream(bot.name, **offer)[:-1]:
            schema_of(document, "ChatCompletionChunk").validate(event)


def test_messages_are_as_they_are_described(
    gateway: Gateway, upstream: ScriptedUpstream, document: dict[str, Any]
) -> None:
    said = '*Thinking...*\n\n> Well.\n\nI look.<tool_call name="look"></tool_call>'
    bot = upstream.bot(answer(text(said), DONE))
    body = {
        "model": bot.name,
        "messages": [{"role": "user", "content": "hi"}],
        "thinking": {"type": "adaptive"},
        "tools": [{"name": "look", "input_schema": {"type": "object"}}],
    }
    headers = authorization() | {"anthropic-version": "2023-06-01"}
    for path, name in (
        ("/v1/messages", "AssistantMessage"),
        ("/v1/messages/count_tokens", "TokenCount"),
        ("/v1/nowhere", "MessagesError"),
    ):
        response = gateway.http.post(path, json=body, headers=headers)
        schema_of(document, name).validate(response.json())
    for path, name in (("/v1/models", "MessagesModelList"), (f"/v1/models/{bot.name}", "MessagesModel")):
        listed = gateway.http.get(path, headers=headers)
        schema_of(document, name if listed.is_success else "MessagesError").validate(listed.json())


def test_each_path_has_the_methods_that_are_described_and_no_others(
    panel: Gateway, document: dict[str, Any]
) -> None:
    for path, item in document["paths"].items():
        url = path.replace("{", "").replace("}", "")
        described = {method.upper() for method in item}
        for method in {*METHODS, "TRACE"} - described:
            refused = panel.http.request(method, url, auth=ADMIN)
            assert refused.status_code == 405, (method, url)
            form = "MessagesError" if "/messages" in path else "Error"
            schema_of(document, form).validate(refused.json())
            allowed = set(refused.headers["Allow"].split(", "))
            assert allowed - {"HEAD", "OPTIONS"} == described, (method, url)


def test_no_operation_takes_what_is_no_json(panel: Gateway, document: dict[str, Any]) -> None:
    for (method, path), operation in operations_of(document).items():
        if "requestBody" not in operation:
            continue
        url = path.replace("{", "").replace("}", "")
        for kind in ("text/csv", "application/xml", "multipart/form-data; boundary=x", "nonsense"):
            key = {"x-api-key": KEY, "Content-Type": kind}
            refused = panel.http.request(method, url, content=b"{}", headers=key, auth=ADMIN)
            assert refused.status_code == 415, (method, url, kind)
            described = operation["responses"]["415"]["content"]["application/json"]["schema"]["$ref"]
            schema_of(document, described.rpartition("/")[2]).validate(refused.json())


def test_an_error_is_as_it_is_described(gateway: Gateway, document: dict[str, Any]) -> None:
    for refused in (
        gateway.http.get("/nowhere"),
        gateway.http.post("/v1/chat/completions"),
        gateway.http.post("/v1/chat/completions", headers=authorization(), json={"model": "x"}),
        gateway.http.get("/api/models"),
    ):
        assert refused.status_code >= 400
        schema_of(document, "Error").validate(refused.json())
