"""Answers: the types of what the routes answer, complete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from app.models.changes import Change
from app.models.config import BotConfig, CustomModel

Time = Annotated[float, Meta(description="Seconds since 1970.")]


class _Closed(Struct, forbid_unknown_fields=True):
    pass


class ErrorFields(_Closed):
    """What went wrong, for people (`message`) and for programs."""

    message: str
    type: Literal[
        "invalid_request_error",
        "insufficient_quota",
        "permission_error",
        "rate_limit_error",
        "server_error",
        "upstream_error",
        "overloaded_error",
        "timeout_error",
    ]
    param: Annotated[str | None, Meta(description="The path of the wrong field.")]
    code: str | None


class Error(_Closed):
    """Every error has this body."""

    error: ErrorFields


class ToolCallFunction(_Closed):
    name: str
    arguments: Annotated[str, Meta(description="JSON, as text.")]


class ToolCall(_Closed):
    id: str
    type: Literal["function"]
    function: ToolCallFunction


class AnswerMessage(_Closed):
    """The assistant's message, with reasoning only if the bot shows it."""

    role: Literal["assistant"]
    content: str | None
    refusal: None
    reasoning_content: str | UnsetType = UNSET
    reasoning: str | UnsetType = UNSET
    tool_calls: list[ToolCall] | UnsetType = UNSET
    function_call: ToolCallFunction | UnsetType = UNSET


FinishReason = Literal["stop", "length", "tool_calls", "function_call"]


class Choice(_Closed):
    index: Literal[0]
    message: AnswerMessage
    logprobs: None
    finish_reason: FinishReason


class PromptDetails(_Closed):
    cached_tokens: int


class CompletionDetails(_Closed):
    reasoning_tokens: int


class Usage(_Closed):
    """Counted by the gateway, with the o200k vocabulary."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails
    completion_tokens_details: CompletionDetails


class ChatCompletion(_Closed):
    """A whole answer."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice]
    usage: Usage
    system_fingerprint: None


class DeltaFunction(_Closed):
    name: str | UnsetType = UNSET
    arguments: str | UnsetType = UNSET


class DeltaToolCall(_Closed):
    index: int
    id: str | UnsetType = UNSET
    type: Literal["function"] | UnsetType = UNSET
    function: DeltaFunction | UnsetType = UNSET


class ChunkDelta(_Closed):
    role: Literal["assistant"] | UnsetType = UNSET
    content: str | UnsetType | None = UNSET
    reasoning_content: str | UnsetType = UNSET
    reasoning: str | UnsetType = UNSET
    tool_calls: list[DeltaToolCall] | UnsetType = UNSET
    function_call: DeltaFunction | UnsetType = UNSET


class ChunkChoice(_Closed):
    index: Literal[0]
    delta: ChunkDelta
    logprobs: None
    finish_reason: FinishReason | None


class ChatCompletionChunk(_Closed):
    """One event of a streamed answer; the one with the usage has no choices."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: Usage | UnsetType = UNSET


class ModelEntry(_Closed):
    """A bot; what follows `owned_by` where Poe, or models.yaml, tells of it."""

    id: str
    object: Literal["model"]
    created: Annotated[int, Meta(description="Seconds since 1970.")]
    owned_by: str
    description: str | UnsetType = UNSET
    context_length: int | UnsetType = UNSET
    context_window: int | UnsetType = UNSET
    max_model_len: int | UnsetType = UNSET
    max_output_tokens: int | UnsetType = UNSET
    architecture: dict[str, Any] | UnsetType = UNSET
    pricing: dict[str, Any] | UnsetType = UNSET
    supported_parameters: list[str] | UnsetType = UNSET


class ModelList(_Closed):
    object: Literal["list"]
    data: list[ModelEntry]


class About(_Closed):
    name: str
    description: str
    endpoints: list[str]


class Health(_Closed):
    status: Literal["ok", "ready"]


class ConfigFields(Struct):
    """models.yaml in its own shape, keys that are not ours included."""

    enable: bool | None = None
    models: dict[str, BotConfig | None] | None = None
    custom_models: list[CustomModel] | None = None
    use_v1_api: bool | None = None


class Config(ConfigFields, kw_only=True):
    """What is in force. The token is never told."""

    api_token_set: bool


class ConfigChange(ConfigFields):
    """The new content. `api_token`: absent, it stays; null or empty, it goes."""

    api_token: str | None = None
    api_token_set: Annotated[Any, Meta(description="Ignored.")] = None


class ConfigMistake(_Closed):
    message: str
    path: str | None
    line: int | None


class VersionEntry(_Closed):
    id: str
    saved_at: Time
    size: int
    current: bool


class History(_Closed):
    data: list[VersionEntry]


class PastVersion(_Closed):
    """A version, its text with the token masked, and what has changed since."""

    id: str
    saved_at: Time
    config: Config
    text: str
    changes: list[Change]
    error: ConfigMistake | None


class Preview(_Closed):
    """What saving an imported text would do."""

    config: Config
    changes: list[Change]


class Empty(Struct):
    """An object; what is in it is ignored."""


class BotEntry(_Closed):
    id: str
    name: str
    aliases: list[str]
    shown: bool
    custom: bool
    listed: bool
    new: bool
    gone: bool
    owned_by: str
    created: int
    description: str | None
    context_length: int | None
    max_output_tokens: int | None
    input_modalities: list[str]
    output_modalities: list[str]
    pricing: dict[str, Any] | None
    tools_native: bool
    parameters: list[str]
    options: dict[str, Any]
    conflict: str | None


class ListState(_Closed):
    fetched_at: Time | None
    error: str | None


class FileVersion(_Closed):
    version: str
    error: ConfigMistake | None


class Bots(_Closed):
    data: Sequence[BotEntry]
    list: ListState
    file: FileVersion


class PoeState(_Closed):
    reachable: bool | None
    checked_at: Time | None
    models: int
    error: str | None


class FileState(_Closed):
    path: str
    exists: bool
    version: str
    modified: Time | None
    error: ConfigMistake | None


class CacheState(_Closed):
    entries: int
    bytes: int
    limit_bytes: int
    hits: int
    misses: int
    uploads: int
    evictions: int


class State(_Closed):
    version: str
    started_at: Time
    workers: int
    poe: PoeState
    file: FileState
    cache: CacheState
    settings: Annotated[dict[str, Any], Meta(description="The settings that are not secret, by name.")]
