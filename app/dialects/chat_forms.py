"""Chat's forms: what clients write into a chat completion as other APIs have it, in the form of this one.

Of OpenAI's Responses API and Anthropic's Messages API, of llama.cpp and Mistral. Nothing is checked here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.dialects import results

_MODES = {"any": "required", "auto": "auto", "none": "none", "required": "required"}
_NO_LIMIT = (-1, "-1")  # of tokens, as LM Studio's and llama.cpp's clients say it
_TOOLS = ("tool", "function")  # roles of messages that are results


def usual(fields: dict[str, Any], give_turn: Callable[[], None]) -> dict[str, Any]:
    """The same request in the usual form; what was in it already are the same objects."""
    changed = {
        name: value
        for name, value in fields.items()
        if not (name in ("max_tokens", "max_completion_tokens") and value in _NO_LIMIT)
    }
    for name, write in (("tools", _tool), ("messages", _message)):
        if isinstance(given := fields.get(name), list):
            changed[name] = []
            for each in given:
                changed[name].append(write(each) if isinstance(each, dict) else each)
                give_turn()
    if "tool_choice" in fields:
        changed["tool_choice"] = _choice(fields["tool_choice"])
    if isinstance(given := fields.get("response_format"), dict):
        changed["response_format"] = _format(given)
    return changed


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    """A function whose fields stand beside its type (Responses), or that has none (Messages)."""
    if "function" in tool or "name" not in tool or tool.get("type") not in (None, "function"):
        return tool
    parameters = tool.get("parameters", tool.get("input_schema"))
    return {"type": "function", "function": {**tool, "parameters": parameters}}


def _choice(choice: Any) -> Any:
    if isinstance(choice, str):
        return _MODES.get(choice, choice)
    if not isinstance(choice, dict) or "function" in choice:
        return choice
    type = choice.get("type")
    if type in ("function", "tool") and "name" in choice:
        return {"type": "function", "function": {"name": choice["name"]}}
    return _MODES.get(type, choice) if isinstance(type, str) else choice


def _format(given: dict[str, Any]) -> dict[str, Any]:
    """A schema beside the type (Responses, llama.cpp) instead of below it."""
    if given.get("type") == "json_schema" and "json_schema" not in given and "schema" in given:
        return {"type": "json_schema", "json_schema": given}
    return given


def _message(message: dict[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    if content is None or isinstance(content, str):
        return message
    return {
        **message,
        "content": _parts(results.usual(content) if message.get("role") in _TOOLS else content),
    }


def _parts(content: Any) -> Any:
    return [_part(each) for each in content] if isinstance(content, list) else content


def _part(part: Any) -> Any:
    if isinstance(part, str):
        return _text(part)
    if not isinstance(part, dict):
        return part
    match part.get("type"):
        case None if "text" in part:
            return _text(part["text"])
        case "input_text" | "output_text":
            return _text(part.get("text"))
        case "input_image":
            return {"type": "image_url", "image_url": part.get("image_url")}
        case "input_file":
            return {"type": "file", "file": part}
        case "image" | "document":
            return _anthropics(part)
        case "tool_result":
            return {**part, "content": _parts(results.usual(part.get("content")))}
        case "thinking" | "redacted_thinking" | "reasoning":
            return _text("")
        case _:
            return part


def _anthropics(part: dict[str, Any]) -> dict[str, Any]:
    source = part.get("source")
    if not isinstance(source, dict):
        return part
    where = source.get("data", source.get("url"))
    if part["type"] == "image":
        return {"type": "image_url", "image_url": where}
    if source.get("type") == "text":
        return _text(where)
    return {"type": "file", "file": {"file_data": where, "filename": part.get("title")}}


def _text(text: Any) -> dict[str, Any]:
    return {"type": "text", "text": text}
