"""Calls written in the notation are read back unchanged, byte for byte."""

from __future__ import annotations

import itertools
import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from app.answer.deltas import Text, ToolCallArguments, ToolCallStart
from app.answer.toolcalls import ToolCalls
from app.conversation import Tool, ToolCall
from app.tools import writing

_WORDS = st.sampled_from(
    (
        *(
            "<",
            ">",
            "&",
            "&amp;",
            "&#10;",
            "&lt;",
            "]]>",
            "<![CDATA[",
            "\n",
            "\r\n",
            "\r",
            " ",
            '"',
            "\\",
            "```",
            "{",
            "}",
        ),
        *(
            "<parameter name=",
            "</parameter>",
            "</invoke>",
            "<invoke>",
            "</tool_call>",
            "<tool_call>",
            "</div>",
        ),
        *(
            "</function_calls>",
            "<tool_result>",
            "&quot",
            "\x00",
            "\u2028",
            "é",
            "你好",
            "word",
            "</ parameter>",
        ),
    )
)
_TEXT = st.lists(_WORDS | st.text(max_size=3), max_size=6).map("".join)
_VALUE = st.recursive(
    _TEXT | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=2),
    max_leaves=4,
)
_NAMES = st.sampled_from(("f", "get-weather.v2", "server/tool:1", "工具", "a b", "it's"))
_CALLS = st.lists(st.tuples(_NAMES, st.dictionaries(_TEXT, _VALUE, max_size=3)), min_size=1, max_size=3)


def kind(value: Any) -> str:
    """JSON Schema's name for what ``value`` is."""
    if isinstance(value, bool):
        return "boolean"
    names = {int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "null")


def tool(name: str, arguments: list[dict[str, Any]]) -> Tool:
    """A tool whose schema allows all of ``arguments``."""
    merged = {key: value for each in arguments for key, value in each.items()}
    return Tool(name, None, {"properties": {key: {"type": kind(value)} for key, value in merged.items()}})


def read(written: str, tools: list[Tool], width: int) -> list[tuple[str, Any]]:
    numbers = itertools.count()
    stage = ToolCalls(tools, lambda: f"call_{next(numbers)}")
    deltas: list[Any] = []
    for start in range(0, len(written), width):
        deltas += stage.feed([Text(written[start : start + width])])
    deltas += stage.finish()
    assert not [delta for delta in deltas if isinstance(delta, Text)]
    names = {delta.index: delta.name for delta in deltas if isinstance(delta, ToolCallStart)}
    arguments = dict.fromkeys(names, "")
    for delta in deltas:
        if isinstance(delta, ToolCallArguments):
            arguments[delta.index] += delta.arguments
    return [(name, json.loads(arguments[index])) for index, name in names.items()]


@given(_CALLS, st.sampled_from((1, 3, 7, 1000)))
@example([("f", {"a": "\nx\n"})], 1000)
@example([("f", {"a": "x</parameter>\n</invoke>\n</tool_call>"}), ("f", {})], 1)
@example([("f", {"a": '</parameter>\n<parameter name="b">'})], 1000)
def test_calls_are_read_back_as_they_were(calls: list[tuple[str, dict[str, Any]]], width: int):
    typed: dict[str, list[dict[str, Any]]] = {}
    for index, (name, arguments) in enumerate(calls):
        typed.setdefault(f"{name}{index}", []).append(arguments)
    named = [(f"{name}{index}", arguments) for index, (name, arguments) in enumerate(calls)]
    tools = [tool(name, arguments) for name, arguments in typed.items()]
    written = writing.write([ToolCall("c", name, json.dumps(arguments)) for name, arguments in named])
    assert read(written, tools, width) == named
