"""Responses: a request of OpenAI's Responses API, decoded. ``responses_answer`` renders what comes back.

https://platform.openai.com/docs/api-reference/responses. What becomes of each field of a request stands
in docs/responses.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from app.conversation import Conversation, Message, ResponseFormat, Role, TextPart
from app.dialects import bodies, parameters, responses_input, responses_tools, schemas
from app.dialects.form import Head
from app.dialects.responses_answer import Frame, ResponseStream, WholeResponse
from app.dialects.responses_tools import CallForm
from app.errors import invalid_request

# The request, as far as its types are checked.


class _Words(Struct, tag_field="type", tag="text"):
    """No form at all."""


class _AnyObject(Struct, tag_field="type", tag="json_object"):
    """A JSON object."""


class _FittingObject(Struct, tag_field="type", tag="json_schema"):
    """JSON that fits a schema."""

    schema: dict[str, Any]
    name: str = "answer"
    description: str | None = None
    strict: bodies.Flag | None = None


class _TextConfig(Struct, omit_defaults=True):
    format: _Words | _AnyObject | _FittingObject | None = None
    verbosity: str | None = None


# Checked with messages of our own; the schemas are for the API's description.
_NotInBackground = Annotated[bodies.Flag, Meta(extra_json_schema={"const": False})]
_Absent = Annotated[Any, Meta(extra_json_schema={"enum": [None, False, ""]})]


class CreateResponse(Struct):
    """The body of a request. A field that is not named here, and has no fields itself, is the bot's."""

    model: bodies.BotName
    input: responses_input.Input
    instructions: str | None = None
    stream: bodies.Flag | None = None
    temperature: bodies.Number | None = None
    top_p: bodies.Number | None = None
    max_output_tokens: bodies.Positive | None = None
    max_tool_calls: bodies.Whole | None = None
    tools: responses_tools.Tools | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bodies.Flag | None = None
    text: _TextConfig | None = None
    metadata: dict[str, str] | None = None
    prompt_cache_key: str | None = None
    safety_identifier: str | None = None
    user: str | None = None
    background: _NotInBackground | None = None
    previous_response_id: _Absent = None
    conversation: _Absent = None
    prompt: _Absent = None
    extra_body: dict[str, Any] | None = None


# Fields that OpenAI defines and that mean nothing to a Poe bot, or are read above. All others are
# the bot's parameters, unless they hold more than a value: clients add such for OpenAI alone.
_NOT_PARAMETERS = frozenset(
    {
        *CreateResponse.__struct_fields__,
        *("store", "include", "truncation", "stream_options", "service_tier", "top_logprobs"),
        *("prompt_cache_retention", "prompt_cache_options", "context_management", "background_options"),
        *("client_metadata", "moderation", "image", "access_programs"),
    }
)
_TRANSLATED = frozenset({"thinking", "reasoning", "google", "extra_body"})

_STORES = {
    "previous_response_id": "responses are not stored here; send the whole conversation as input",
    "conversation": "conversations are not stored here; send the whole of it as input",
    "prompt": "prompts are not stored here; send instructions and input",
    "background": "answers are not stored here; ask without it, and stream long ones",
}
_ECHO_LIMIT = 32 * 1024  # bytes of a field that is echoed; a stream does so three times


class ResponseRequest(Struct, frozen=True):
    """A decoded request: what to ask, and how to answer. ``echoed``: what the answer repeats of it.

    ``forms``: how calls are written in the answer, by the names of their tools, unless as functions.
    """

    conversation: Conversation
    stream: bool
    echoed: Mapping[str, Any]
    forms: Mapping[str, CallForm] = {}

    def streamed(self, head: Head) -> ResponseStream:
        return ResponseStream(self._frame(head))

    def whole(self, head: Head) -> WholeResponse:
        return WholeResponse(self._frame(head))

    def _frame(self, head: Head) -> Frame:
        fields = {"created_at": head.created, "model": head.model, **self.echoed}
        return Frame(head.token, fields, self.forms)


def decode(body: bytes | bytearray, give_turn: Callable[[], None] = lambda: None) -> ResponseRequest:
    """Decode the body of ``POST /v1/responses``. ``give_turn`` is called between pieces of work.

    Unknown fields, items and tools, and nulls, are accepted; a wrong type, a part of an unknown type, an
    empty input, or anything that would require storage raises ``ApiError`` (400) whose ``param`` is the
    path of the field.
    """
    fields = bodies.decode_object(body, give_turn)
    known = {"input": responses_input.known, "tools": responses_tools.known}
    fields |= {name: read(fields[name]) for name, read in known.items() if name in fields}
    give_turn()
    request = bodies.convert(fields, CreateResponse)
    give_turn()
    _refuse_what_is_stored(request)
    bodies.check_name(request.model)
    messages = responses_input.messages(request.input, give_turn)
    if not messages:
        raise invalid_request("input is empty: there is nothing to answer.", "input")
    if request.instructions:
        messages.insert(0, Message(Role.SYSTEM, [TextPart(request.instructions)]))
    offer = responses_tools.offer(request.tools, request.tool_choice, parallel=request.parallel_tool_calls)
    conversation = Conversation(
        model=request.model,
        messages=messages,
        temperature=request.temperature,
        max_tokens=request.max_output_tokens,
        parameters=_parameters(fields, request),
        tools=offer.tools,
        tool_choice=offer.choice,
        parallel_tool_calls=offer.parallel,
        response_format=_response_format(request, give_turn),
    )
    forms = responses_tools.forms(request.tools)
    return ResponseRequest(conversation, bool(request.stream), _echoed(fields, request), forms)


def _refuse_what_is_stored(request: CreateResponse) -> None:
    for name, advice in _STORES.items():
        given = getattr(request, name)
        if not (given is None or given is False or given == ""):
            raise invalid_request(f"{name}: {advice}.", name, "unsupported_value")


def _parameters(fields: Mapping[str, Any], request: CreateResponse) -> dict[str, Any]:
    plain = {
        name: value
        for name, value in fields.items()
        if name in _TRANSLATED or not isinstance(value, (dict, list))
    }
    verbosity = request.text.verbosity if request.text else None
    said = {"verbosity": verbosity} if verbosity is not None else {}
    return said | parameters.pick(plain, _NOT_PARAMETERS)


def _response_format(request: CreateResponse, give_turn: Callable[[], None]) -> ResponseFormat | None:
    match request.text.format if request.text else None:
        case _FittingObject(schema) as given:
            path = "text.format.schema"
            schemas.check(schema, path, give_turn)
            return ResponseFormat(schema, given.description, path)
        case _AnyObject():
            return ResponseFormat()
        case _:
            return None


def _echoed(fields: Mapping[str, Any], request: CreateResponse) -> dict[str, Any]:
    """The fields of its request that an answer repeats, except long ones."""
    reasoning = fields.get("reasoning")
    reasoning = reasoning if isinstance(reasoning, dict) else {}
    text = request.text or _TextConfig()
    if text.format is None:
        text = _TextConfig(_Words(), text.verbosity)
    return {
        "background": False,
        "instructions": _short(request.instructions),
        "max_output_tokens": request.max_output_tokens,
        "max_tool_calls": request.max_tool_calls,
        "metadata": _short(request.metadata) or {},
        "parallel_tool_calls": request.parallel_tool_calls is not False,
        "previous_response_id": None,
        "prompt_cache_key": _short(request.prompt_cache_key),
        "reasoning": {name: _word(reasoning.get(name)) for name in ("effort", "summary")},
        "safety_identifier": _short(request.safety_identifier),
        "service_tier": "default",
        "temperature": request.temperature,
        "text": _short(text),
        "tool_choice": _short(request.tool_choice) or "auto",
        "tools": _short(responses_tools.usable(request.tools)) or [],
        "top_logprobs": 0,
        "top_p": request.top_p,
        "truncation": "disabled",
        "user": _short(request.user),
    }


def _short(value: Any) -> Any:
    return value if len(msgspec.json.encode(value)) <= _ECHO_LIMIT else None


def _word(value: Any) -> str | None:
    return _short(value) if isinstance(value, str) else None
