"""Responses' input: the items of a request, as the messages of a conversation.

Calls follow the assistant's message that made them, so both are one message. Items that are not known (a
built-in tool's, say) are left out, and so is reasoning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, assert_never

import msgspec
from msgspec import Meta, Struct

from app.conversation import AttachmentPart, Message, Role, TextPart, ToolCall
from app.dialects import bodies, results
from app.dialects.responses_tools import CUSTOM_INPUT, full_name
from app.errors import invalid_request

REASONING_PREFIX = "rs"  # of its ids

# The parts of a message, as far as their types are checked.


class _InputText(Struct, tag_field="type", tag="input_text"):
    text: str


class _EarlierText(Struct, tag_field="type", tag="output_text"):
    text: str


class _PlainText(Struct, tag_field="type", tag="text"):
    text: str


class _Refused(Struct, tag_field="type", tag="refusal"):
    refusal: str


class _InputImage(Struct, tag_field="type", tag="input_image"):
    image_url: str | None = None
    file_id: str | None = None


class _InputFile(Struct, tag_field="type", tag="input_file"):
    file_data: str | None = None
    file_url: str | None = None
    file_id: str | None = None
    filename: str | None = None


class _Sound(Struct):
    data: str
    format: str | None = None


class _InputAudio(Struct, tag_field="type", tag="input_audio"):
    input_audio: _Sound


Part = _InputText | _EarlierText | _PlainText | _Refused | _InputImage | _InputFile | _InputAudio
Parts = str | list[Part] | None
_Output = Annotated[Parts, results.ANY_JSON]

# The items.


class InputMessage(Struct, tag_field="type", tag="message"):
    """A message."""

    role: Literal["user", "assistant", "system", "developer"]
    content: Parts = None


class _FunctionCall(Struct, tag_field="type", tag="function_call"):
    call_id: str
    name: str
    arguments: str | None = None
    namespace: str | None = None


class _FunctionCallOutput(Struct, tag_field="type", tag="function_call_output"):
    call_id: str
    output: _Output = None


class _CustomToolCall(Struct, tag_field="type", tag="custom_tool_call"):
    call_id: str
    name: str
    input: str | None = None
    namespace: str | None = None


class _CustomToolCallOutput(Struct, tag_field="type", tag="custom_tool_call_output"):
    call_id: str
    output: _Output = None


class _ItemReference(Struct, tag_field="type", tag="item_reference"):
    id: str | None = None


class _LeftOut(Struct, tag_field="type", tag="reasoning"):
    """Reasoning, and anything unknown."""


Item = (
    InputMessage
    | _FunctionCall
    | _FunctionCallOutput
    | _CustomToolCall
    | _CustomToolCallOutput
    | _ItemReference
    | _LeftOut
)
_AnyItem = Annotated[Item, bodies.ANY_TYPE]
Input = Annotated[
    str | list[_AnyItem],
    Meta(
        description="Text, or items. An item without a type is a message; items of other types are ignored.",
        extra_json_schema={"minItems": 1},
    ),
]
_OUTPUTS = ("function_call_output", "custom_tool_call_output")
_TYPES = frozenset(each.__struct_config__.tag for each in Item.__args__)

_ROLES = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
}


def known(items: Any) -> Any:
    """The decoded items, each with a type that is known here. Anything but a list stays as it is."""
    typed = bodies.with_known_types(items, _TYPES, _type_of, "reasoning")
    return [_usual(each) for each in typed] if isinstance(typed, list) else typed


def _usual(item: Any) -> Any:
    if not isinstance(item, dict) or item.get("type") not in _OUTPUTS:
        return item
    return {**item, "output": results.usual(item.get("output"))}


def _type_of(item: dict[str, Any]) -> str:
    return "item_reference" if "id" in item and not item.keys() - {"id", "type"} else "message"


def messages(given: str | Sequence[Item], give_turn: Callable[[], None]) -> list[Message]:
    """The messages in the input ``given``, in their order. Raises ``ApiError`` (400).

    ``give_turn`` is called between items.
    """
    if isinstance(given, str):
        return [Message(Role.USER, [TextPart(given)])]
    found: list[Message] = []
    calls: list[ToolCall] | None = None  # of the last message, if it is the assistant's
    for index, item in enumerate(given):
        give_turn()
        path = f"input[{index}]"
        match item:
            case InputMessage(role, content):
                calls = [] if role == "assistant" else None
                parts = _parts(content, f"{path}.content")
                found.append(Message(_ROLES[role], parts, () if calls is None else calls))
            case _FunctionCall() | _CustomToolCall():
                if calls is None:
                    calls = []
                    found.append(Message(Role.ASSISTANT, (), calls))
                calls.append(_call(item))
            case _FunctionCallOutput(call_id, output) | _CustomToolCallOutput(call_id, output):
                calls = None
                found.append(Message(Role.TOOL, _parts(output, f"{path}.output"), tool_call_id=call_id))
            case _ItemReference(id) if not (id or "").startswith(f"{REASONING_PREFIX}_"):
                raise invalid_request(
                    f"{path}: items are not stored here, so there is none to refer to. Send it whole, as "
                    "clients do that are told to set store to false.",
                    path,
                )
            case _ItemReference() | _LeftOut():
                pass
            case _:
                assert_never(item)
    return found


def _call(item: _FunctionCall | _CustomToolCall) -> ToolCall:
    name = full_name(item.name, item.namespace)
    if isinstance(item, _FunctionCall):
        return ToolCall(item.call_id, name, item.arguments or "{}")
    arguments = msgspec.json.encode({CUSTOM_INPUT: item.input or ""}).decode()
    return ToolCall(item.call_id, name, arguments)


def _parts(content: Parts, path: str) -> list[TextPart | AttachmentPart]:
    if content is None:
        return []
    if isinstance(content, str):
        return [TextPart(content)]
    return [_part(part, f"{path}[{index}]") for index, part in enumerate(content)]


def _part(part: Part, path: str) -> TextPart | AttachmentPart:
    match part:
        case _InputText(text) | _EarlierText(text) | _PlainText(text) | _Refused(text):
            return TextPart(text)
        case _InputImage(url):
            return AttachmentPart("image", _source(url, path, "image_url"), path)
        case _InputFile(data, url):
            source = _source(data or url, path, "file_data nor file_url")
            return AttachmentPart("file", source, path, part.filename)
        case _InputAudio(sound):
            return AttachmentPart("audio", sound.data, path, format=sound.format)
        case _:
            assert_never(part)


def _source(source: str | None, path: str, expected: str) -> str:
    if source is None:
        has_none = f"has neither {expected}" if " nor " in expected else f"has no {expected}"
        raise invalid_request(f"{path} {has_none} (a file_id cannot be used).", path)
    return source
