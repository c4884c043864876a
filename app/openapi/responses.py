"""Responses: the types of what ``POST /v1/responses`` answers, complete."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from app.dialects.responses_tools import CustomTool, FlatFunction, Namespace

ItemStatus = Literal["in_progress", "completed", "incomplete"]


class _Closed(Struct, forbid_unknown_fields=True):
    pass


class OutputText(_Closed, tag_field="type", tag="output_text"):
    text: str
    annotations: Annotated[list[Any], Meta(max_length=0)]
    logprobs: Annotated[list[Any], Meta(max_length=0)]


class SummaryText(_Closed, tag_field="type", tag="summary_text"):
    text: str


class OutputMessage(_Closed, tag_field="type", tag="message"):
    id: str
    status: ItemStatus
    role: Literal["assistant"]
    content: list[OutputText]


class OutputReasoning(_Closed, tag_field="type", tag="reasoning"):
    """What the bot showed of its thinking."""

    id: str
    status: ItemStatus
    summary: list[SummaryText]


class OutputCall(_Closed, tag_field="type", tag="function_call"):
    id: str
    status: ItemStatus
    call_id: str
    name: str
    arguments: Annotated[str, Meta(description="JSON, as text.")]
    namespace: str | UnsetType = UNSET


class OutputCustomCall(_Closed, tag_field="type", tag="custom_tool_call"):
    id: str
    call_id: str
    name: str
    input: str
    namespace: str | UnsetType = UNSET


Item = OutputMessage | OutputReasoning | OutputCall | OutputCustomCall


class InputDetails(_Closed):
    cached_tokens: int
    cache_write_tokens: int


class OutputDetails(_Closed):
    reasoning_tokens: int


class ResponseUsage(_Closed):
    """Counted by the gateway, with the o200k vocabulary."""

    input_tokens: int
    input_tokens_details: InputDetails
    output_tokens: int
    output_tokens_details: OutputDetails
    total_tokens: int


class ResponseError(_Closed):
    code: str
    message: str


class IncompleteDetails(_Closed):
    reason: Literal["max_output_tokens", "content_filter"]


class Response(_Closed, kw_only=True):
    """An answer, whole or as far as it has come; and what it repeats of its request."""

    id: str
    object: Literal["response"]
    created_at: int
    model: str
    status: Literal["in_progress", "completed", "incomplete", "failed"]
    output: list[Item]
    error: ResponseError | None
    incomplete_details: IncompleteDetails | None
    usage: ResponseUsage | None
    background: Literal[False]
    instructions: str | None
    max_output_tokens: int | None
    max_tool_calls: int | None
    metadata: dict[str, str]
    parallel_tool_calls: bool
    previous_response_id: None
    prompt_cache_key: str | None
    reasoning: dict[str, str | None]
    safety_identifier: str | None
    service_tier: Literal["default"]
    temperature: float | None
    text: dict[str, Any] | None
    tool_choice: str | dict[str, Any]
    tools: list[FlatFunction | CustomTool | Namespace]
    top_logprobs: Literal[0]
    top_p: float | None
    truncation: Literal["disabled"]
    user: str | None


class _Event(_Closed, tag_field="type"):
    sequence_number: int


class ResponseCreated(_Event, tag="response.created"):
    response: Response


class ResponseInProgress(_Event, tag="response.in_progress"):
    response: Response


class ResponseCompleted(_Event, tag="response.completed"):
    response: Response


class ResponseIncomplete(_Event, tag="response.incomplete"):
    response: Response


class ResponseFailed(_Event, tag="response.failed"):
    response: Response


class StreamError(_Event, tag="error"):
    """The answer has failed; ``response.failed`` follows."""

    code: str | None
    message: str
    param: str | None
    error: dict[str, str | None]


class ItemAdded(_Event, tag="response.output_item.added"):
    output_index: int
    item: Item


class ItemDone(_Event, tag="response.output_item.done"):
    output_index: int
    item: Item


class _OfItem(_Event):
    output_index: int
    item_id: str


class PartAdded(_OfItem, tag="response.content_part.added"):
    content_index: Literal[0]
    part: OutputText


class PartDone(_OfItem, tag="response.content_part.done"):
    content_index: Literal[0]
    part: OutputText


class TextDelta(_OfItem, tag="response.output_text.delta"):
    content_index: Literal[0]
    delta: str
    logprobs: Annotated[list[Any], Meta(max_length=0)]


class TextDone(_OfItem, tag="response.output_text.done"):
    content_index: Literal[0]
    text: str
    logprobs: Annotated[list[Any], Meta(max_length=0)]


class SummaryPartAdded(_OfItem, tag="response.reasoning_summary_part.added"):
    summary_index: Literal[0]
    part: SummaryText


class SummaryPartDone(_OfItem, tag="response.reasoning_summary_part.done"):
    summary_index: Literal[0]
    part: SummaryText


class SummaryDelta(_OfItem, tag="response.reasoning_summary_text.delta"):
    summary_index: Literal[0]
    delta: str


class SummaryDone(_OfItem, tag="response.reasoning_summary_text.done"):
    summary_index: Literal[0]
    text: str


class ArgumentsDelta(_OfItem, tag="response.function_call_arguments.delta"):
    delta: str


class ArgumentsDone(_OfItem, tag="response.function_call_arguments.done"):
    arguments: str


class CustomInputDelta(_OfItem, tag="response.custom_tool_call_input.delta"):
    delta: str


class CustomInputDone(_OfItem, tag="response.custom_tool_call_input.done"):
    input: str


# One event of a streamed answer.
ResponseEvent = (
    ResponseCreated
    | ResponseInProgress
    | ResponseCompleted
    | ResponseIncomplete
    | ResponseFailed
    | StreamError
    | ItemAdded
    | ItemDone
    | PartAdded
    | PartDone
    | TextDelta
    | TextDone
    | SummaryPartAdded
    | SummaryPartDone
    | SummaryDelta
    | SummaryDone
    | ArgumentsDelta
    | ArgumentsDone
    | CustomInputDelta
    | CustomInputDone
)
