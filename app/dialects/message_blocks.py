"""Message blocks: the content of messages in Anthropic's Messages API.

https://docs.claude.com/en/api/messages. Blocks of tools that run at Anthropic, and thinking that is sent
back, are left out: Poe's bots do not know them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, TypeAlias

from msgspec import Meta, Struct

from app.conversation import AttachmentPart, TextPart
from app.dialects import bodies, results
from app.errors import ApiError, invalid_request

_Part: TypeAlias = TextPart | AttachmentPart

# The blocks, as far as their types are checked.


class _Text(Struct):
    text: str


class _Source(Struct):
    """The source of a file: ``data`` as base64 (for ``text``, the text itself), or a ``url``."""

    type: str
    data: str | None = None
    media_type: str | None = None
    url: str | None = None
    content: str | list[dict[str, Any]] | None = None


class _Image(Struct):
    source: _Source


class _Document(Struct):
    source: _Source
    title: str | None = None
    context: str | None = None


class _SearchResult(Struct):
    source: str
    content: list[_Text]
    title: str | None = None


class Call(Struct):
    """A call in the history."""

    id: str
    name: str
    input: dict[str, Any] = {}


class _Result(Struct):
    tool_use_id: str
    content: str | list[dict[str, Any]] | None = None
    is_error: bodies.Flag | None = None


class Result(Struct, frozen=True):
    """The result of the call ``id``."""

    id: str
    parts: Sequence[_Part]


_TYPES = ("text", "image", "document", "search_result", "tool_use", "tool_result")
_LEFT_OUT = frozenset(
    {"thinking", "redacted_thinking", "container_upload", "compaction", "tool_reference", "fallback"}
)
_LEFT_OUT_ENDINGS = ("_tool_use", "_tool_result")  # of tools that run at Anthropic
_LEFT_OUT_BEGINNING = "tool_"  # only tells the model which tools there are

Block: TypeAlias = Annotated[
    dict[str, Any],
    Meta(
        description=f"A block of one of the types {', '.join(_TYPES)}; others are ignored or refused.",
        extra_json_schema={"properties": {"type": {"type": "string"}}, "required": ["type"]},
    ),
]


def parts(blocks: Sequence[Block], path: str, *, is_alone: bool = False) -> Iterator[_Part]:
    """Text and attachments in ``blocks``, found at ``path``. Raises ``ApiError`` (400).

    ``is_alone``: ``path`` is that of a single block.
    """
    for number, block in enumerate(blocks):
        yield from _parts(block, path if is_alone else f"{path}[{number}]")


def call(block: Block, path: str) -> Call:
    """A block of the type ``tool_use``. Raises ``ApiError`` (400)."""
    return bodies.convert(block, Call, path)


def result(block: Block, path: str) -> Result:
    """A block of the type ``tool_result``. Raises ``ApiError`` (400)."""
    given = bodies.convert({**block, "content": results.usual(block.get("content"))}, _Result, path)
    found: list[_Part] = [TextPart(results.FAILED)] if given.is_error else []
    if isinstance(given.content, str):
        found.append(TextPart(given.content))
    else:
        found += parts(given.content or (), f"{path}.content")
    return Result(given.tool_use_id, found)


def tools_of(blocks: Sequence[Block]) -> Iterator[str]:
    """The names of the tools that ``blocks`` call or refer to."""
    for block in blocks:
        name = block.get("tool_name" if block.get("type") == "tool_reference" else "name")
        if block.get("type") in ("tool_use", "tool_reference") and isinstance(name, str):
            yield name
        within = block.get("content")
        if isinstance(within, list):
            yield from tools_of([each for each in within if isinstance(each, dict)])


def _parts(block: Block, path: str) -> Iterator[_Part]:
    match block.get("type"):
        case "text":
            yield TextPart(bodies.convert(block, _Text, path).text)
        case "image":
            yield _attachment("image", bodies.convert(block, _Image, path).source, path)
        case "document":
            yield from _document(bodies.convert(block, _Document, path), path)
        case "search_result":
            found = bodies.convert(block, _SearchResult, path)
            texts = [found.title, found.source, *(each.text for each in found.content)]
            yield TextPart("\n\n".join(each for each in texts if each))
        case "tool_use" | "tool_result":
            return  # read by themselves
        case str(type) if _is_left_out(type):
            return
        case _:
            raise _unknown(f"{path}.type", _TYPES)


def _is_left_out(type: str) -> bool:
    return type in _LEFT_OUT or type.startswith(_LEFT_OUT_BEGINNING) or type.endswith(_LEFT_OUT_ENDINGS)


def _document(document: _Document, path: str) -> Iterator[_Part]:
    if document.context:
        yield TextPart(document.context)
    source = document.source
    if source.type == "content":
        if isinstance(source.content, str):
            yield TextPart(source.content)
        else:
            yield from parts(source.content or (), f"{path}.source.content")
    elif source.type == "text":
        yield from (TextPart(each) for each in (document.title, source.data) if each)
    else:
        yield _attachment("file", source, path, document.title)


def _attachment(kind: Any, source: _Source, path: str, name: str | None = None) -> AttachmentPart:
    where = source.data if source.type == "base64" else source.url if source.type == "url" else None
    if source.type not in ("base64", "url"):
        raise _unknown(f"{path}.source.type", ("base64", "url"))
    if where is None:
        field = "data" if source.type == "base64" else "url"
        raise invalid_request(f"{path}.source.{field}: this field is required.", f"{path}.source.{field}")
    return AttachmentPart(kind, where, path, name, source.media_type)


def _unknown(path: str, expected: Sequence[str]) -> ApiError:
    return invalid_request(f"{path}: one of {', '.join(expected)} is expected.", path)
