from __future__ import annotations

import json
from typing import Any

from app.conversation import Tool, ToolChoice
from app.dialects import responses
from app.dialects.responses_tools import CallForm

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = {
    "type": "function",
    "name": "weather",
    "description": "Tells.",
    "parameters": SCHEMA,
    "strict": True,
}
PATCH = {
    "type": "custom",
    "name": "patch",
    "description": "Patches.",
    "format": {"type": "grammar", "syntax": "lark", "definition": "start: /x/"},
}
SPACE = {
    "type": "namespace",
    "name": "mcp__docs__",
    "description": "Docs.",
    "tools": [{"type": "function", "name": "search", "strict": None}, {"type": "computer"}],
}
OTHERS = [
    {"type": "web_search", "filters": {}},
    {"type": "mcp", "server_label": "x"},
    {"type": "local_shell"},
]


def decode(**fields: Any) -> responses.ResponseRequest:
    return responses.decode(json.dumps({"model": "bot", "input": "hi", **fields}).encode())


def names(**fields: Any) -> list[str]:
    return [tool.name for tool in decode(tools=[WEATHER, PATCH, SPACE], **fields).conversation.tools]


def test_functions_custom_tools_and_namespaces_are_offered_and_others_left_out() -> None:
    request = decode(tools=[*OTHERS, WEATHER, PATCH, SPACE, {"type": "namespace", "name": "a", "tools": []}])
    weather, patch, search = request.conversation.tools
    assert weather == Tool("weather", "Tells.", SCHEMA)
    assert (patch.name, patch.description) == ("patch", "Patches.")
    assert patch.parameters is not None
    assert patch.parameters["required"] == ["input"]
    assert "lark grammar:\nstart: /x/" in patch.parameters["properties"]["input"]["description"]
    assert search.name == "mcp__docs__search"
    assert request.forms == {
        "patch": CallForm("patch", None, is_custom=True),
        "mcp__docs__search": CallForm("search", "mcp__docs__"),
    }


def test_a_namespace_is_told_apart_from_its_tools() -> None:
    space = {"type": "namespace", "name": "agents", "tools": [{"type": "custom", "name": "spawn"}]}
    request = decode(tools=[space])
    assert [tool.name for tool in request.conversation.tools] == ["agents__spawn"]
    assert request.forms == {"agents__spawn": CallForm("spawn", "agents", is_custom=True)}


def test_a_tool_without_type_is_a_function() -> None:
    assert [each.name for each in decode(tools=[{"name": "f"}]).conversation.tools] == ["f"]


def test_tools_are_chosen() -> None:
    def choice(given: Any) -> ToolChoice:
        return decode(tools=[WEATHER, PATCH], tool_choice=given).conversation.tool_choice

    assert choice("none") == ToolChoice("none")
    assert choice("auto") == choice(None) == ToolChoice()
    assert choice("required") == ToolChoice("required")
    assert choice({"type": "function", "name": "weather"}) == ToolChoice("required", "weather")
    assert choice({"type": "custom", "name": "patch"}) == ToolChoice("required", "patch")


def test_tools_are_allowed() -> None:
    allowed = [{"type": "function", "name": "weather"}, {"type": "mcp", "server_label": "x"}]
    choice = {"type": "allowed_tools", "mode": "required", "tools": allowed}
    assert names(tool_choice=choice) == ["weather"]
    assert decode(tools=[WEATHER], tool_choice=choice).conversation.tool_choice == ToolChoice("required")


def test_calls_are_parallel_unless_they_are_not_to_be() -> None:
    assert decode().conversation.parallel_tool_calls
    assert not decode(parallel_tool_calls=False).conversation.parallel_tool_calls
