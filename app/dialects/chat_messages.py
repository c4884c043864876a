"""Chat's messages: what a request says of who said what, as the messages of a conversation.

Calls and their results may stand among the parts, too, as they do in Anthropic's Messages API.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, Literal, assert_never

from msgspec import Struct

from app.conversation import AttachmentPart, Message, Role, TextPart, ToolCall
from app.dialects import bodies, chat_tools, results
from app.errors import invalid_request

# The messages, as far as their types are checked.


class _TextPart(Struct, tag_field="type", tag="text"):
    text: str


class _ImageUrl(Struct):
    url: str


class _ImagePart(Struct, tag_field="type", tag="image_url"):
    image_url: _ImageUrl | str


class _File(Struct):
    file_data: str | None = None
    file_url: str | None = None
    file_id: str | None = None
    filename: str | None = None


class _FilePart(Struct, tag_field="type", tag="file"):
    file: _File


class _Audio(Struct):
    data: str
    format: str | None = None


class _AudioPart(Struct, tag_field="type", tag="input_audio"):
    input_audio: _Audio


class _VideoPart(Struct, tag_field="type", tag="video_url"):
    video_url: _ImageUrl | str


class _RefusalPart(Struct, tag_field="type", tag="refusal"):
    refusal: str


_PlainPart = _TextPart | _ImagePart | _FilePart | _AudioPart | _VideoPart | _RefusalPart
_ResultContent = Annotated[str | list[_PlainPart] | None, results.ANY_JSON]


class _ToolUsePart(Struct, tag_field="type", tag="tool_use"):
    name: str
    id: str | None = None
    input: dict[str, Any] | str | None = None


class _ToolResultPart(Struct, tag_field="type", tag="tool_result"):
    tool_use_id: str | None = None
    content: _ResultContent = None
    is_error: bodies.Flag | None = None


_Part = _PlainPart | _ToolUsePart | _ToolResultPart
_Parts = list[_Part]
_Content = Annotated[str | _Parts | None, results.ANY_JSON]


class ChatMessage(Struct):
    """One of a request's messages."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: _Content = None
    name: str | None = None
    tool_calls: list[chat_tools.Call] | None = None
    tool_call_id: str | None = None
    function_call: chat_tools.CalledFunction | None = None


_ROLES = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "tool": Role.TOOL,
    "function": Role.TOOL,
}


def messages(given: Sequence[ChatMessage], give_turn: Callable[[], None]) -> list[Message]:
    """The messages that ``given`` stands for, in their order. Raises ``ApiError`` (400).

    ``give_turn`` is called between them.
    """
    found: list[Message] = []
    for index, message in enumerate(given):
        give_turn()
        content = message.content
        path = f"messages[{index}]"
        if isinstance(content, list):
            found += _of_parts(message, content, path)
        else:
            found.append(_message(message, [] if content is None else [TextPart(content)], path))
    return found


def _of_parts(message: ChatMessage, content: _Parts, path: str) -> Iterator[Message]:
    """The message, with a message of its own for each result of a call, in their order."""
    parts: list[TextPart | AttachmentPart] = []
    uses: list[_ToolUsePart] = []
    has_results = False
    for number, part in enumerate(content):
        place = f"{path}.content[{number}]"
        if isinstance(part, _ToolUsePart):
            uses.append(part)
        elif isinstance(part, _ToolResultPart):
            has_results = True
            if parts:
                yield _message(message, parts, path)
                parts = []
            yield _result(part, message.tool_call_id, place)
        else:
            parts.append(_part(part, place))
    if parts or uses or not has_results:
        yield _message(message, parts, path, uses)


def _message(
    message: ChatMessage,
    parts: list[TextPart | AttachmentPart],
    path: str,
    uses: Sequence[_ToolUsePart] = (),
) -> Message:
    match role := _ROLES[message.role]:
        case Role.ASSISTANT:
            calls = _calls(message, path)
            return Message(role, parts, _with_uses(calls, uses) if uses else calls)
        case Role.TOOL:
            return Message(role, parts, tool_call_id=message.tool_call_id, name=message.name)
        case _:
            return Message(role, parts)


def _calls(message: ChatMessage, path: str) -> list[ToolCall]:
    given = enumerate(message.tool_calls or ())
    calls = [chat_tools.call(call, f"{path}.tool_calls[{number}]") for number, call in given]
    if message.function_call is not None and not calls:
        calls.append(chat_tools.function_call(message.function_call))
    return calls


def _with_uses(calls: list[ToolCall], uses: Sequence[_ToolUsePart]) -> list[ToolCall]:
    """Also those of ``uses`` that are not among them: some programs keep both forms."""
    known = {call.id for call in calls}
    return calls + [_call(use) for use in uses if use.id is None or use.id not in known]


def _call(use: _ToolUsePart) -> ToolCall:
    return chat_tools.function_call(chat_tools.CalledFunction(use.name, use.input), use.id or "")


def _result(part: _ToolResultPart, id: str | None, path: str) -> Message:
    content = part.content
    parts: list[TextPart | AttachmentPart] = [TextPart(results.FAILED)] if part.is_error else []
    if isinstance(content, str):
        parts.append(TextPart(content))
    else:
        parts += [_part(each, f"{path}.content[{number}]") for number, each in enumerate(content or ())]
    return Message(Role.TOOL, parts, tool_call_id=part.tool_use_id or id)


def _part(part: _PlainPart, path: str) -> TextPart | AttachmentPart:
    match part:
        case _TextPart(text) | _RefusalPart(text):
            return TextPart(text)
        case _ImagePart(image):
            return AttachmentPart("image", image if isinstance(image, str) else image.url, path)
        case _VideoPart(video):
            return AttachmentPart("video", video if isinstance(video, str) else video.url, path)
        case _AudioPart(audio):
            return AttachmentPart("audio", audio.data, path, format=audio.format)
        case _FilePart(file):
            source = file.file_data or file.file_url
            if source is None:
                raise invalid_request(
                    f"{path}.file has neither file_data nor file_url (a file_id cannot be used).",
                    f"{path}.file",
                )
            return AttachmentPart("file", source, path, file.filename)
        case _:
            assert_never(part)
