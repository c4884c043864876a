"""Config: the content of models.yaml, checked. docs/models.md is its reference."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct

from app import fields
from app.errors import ApiError
from app.models import documents
from app.models.documents import DocumentError
from app.tools.ways import Mode

ReasoningField: TypeAlias = Literal["reasoning_content", "reasoning", "both"]

_Count = Annotated[int, Meta(ge=1)]


class BotConfig(Struct, frozen=True, kw_only=True):
    """What the file says about one bot; ``None`` where it says nothing.

    ``mapping`` is the name that clients see, ``parameters`` are defaults for the bot's own.
    """

    mapping: str | None = None
    enable: bool | None = None
    replace_response: bool | None = None
    aliases: Sequence[str] | None = None
    tools: Mode | None = None
    parameters: Mapping[str, Any] | None = None
    context_length: _Count | None = None
    max_output_tokens: _Count | None = None
    reasoning_field: ReasoningField | None = None
    note: str | None = None


class CustomModel(Struct, frozen=True, kw_only=True):
    """A bot that is not in Poe's list. ``created`` is in seconds, or in milliseconds like Poe's."""

    id: str
    created: int | float | None = None
    owned_by: str | None = None


class ModelsConfig(Struct, frozen=True, kw_only=True):
    """The whole file. ``models`` has the bots in the file's order, by their names at Poe.

    ``use_v1_api`` false: the list is fetched without the ``api_token``.
    """

    enable: bool = True
    models: Mapping[str, BotConfig] = {}
    custom_models: Sequence[CustomModel] = ()
    api_token: str | None = None
    use_v1_api: bool | None = None

    @property
    def list_token(self) -> str | None:
        """The token with which Poe's list is fetched, if any."""
        return self.api_token if self.use_v1_api is not False else None


@dataclass
class ConfigError(Exception):
    """The file cannot be used. ``path`` is that of the wrong field, ``line`` counts from 1."""

    message: str
    path: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        return f"{where}{self.message}"


class _File(Struct):
    enable: bool | None = None
    models: dict[str, Any] | None = None
    custom_models: list[Any] | None = None
    api_token: str | None = None
    use_v1_api: bool | None = None


KNOWN = frozenset(_File.__struct_fields__)
KNOWN_OF_BOT = frozenset(BotConfig.__struct_fields__)
KNOWN_OF_CUSTOM = frozenset(CustomModel.__struct_fields__)


def decode(text: str) -> ModelsConfig:
    """The config in a file's text. Raises ``ConfigError``."""
    return read(text)[1]


def read(text: str, give_turn: Callable[[], None] = lambda: None) -> tuple[dict[str, Any], ModelsConfig]:
    """A file's text as plain data, unknown keys included, and as config. Raises ``ConfigError``.

    ``give_turn`` is called between pieces of work.
    """
    try:
        data = documents.read(text, give_turn)
    except DocumentError as error:
        raise ConfigError(error.message, None, error.line) from None
    try:
        return data or {}, check({} if data is None else data)
    except ConfigError as error:
        line = documents.line_of(text, error.path) if error.path else 1
        raise ConfigError(error.message, error.path, line) from None


def check(data: object) -> ModelsConfig:
    """Plain data as config. Raises ``ConfigError``, without a line."""
    try:
        return _checked(data)
    except ApiError as error:
        raise ConfigError(error.message, error.param) from None


def check_bounds(data: object) -> None:
    """Raise ``ConfigError`` for data too large or too deep for a file."""
    try:
        documents.check_bounds(data)
    except DocumentError as error:
        raise ConfigError(error.message) from None


def _checked(data: object) -> ModelsConfig:
    if not isinstance(data, dict):
        raise ConfigError("The file must be a mapping: enable, models, custom_models and so on.")
    _check_numbers(data)
    file = fields.convert(data, _File)
    if file.api_token and not (file.api_token.isascii() and file.api_token.isprintable()):
        raise ConfigError("api_token: it contains characters that no token has.", "api_token")
    return ModelsConfig(
        enable=file.enable is not False,
        models={name: _bot(name, options) for name, options in (file.models or {}).items()},
        custom_models=[_custom(index, each) for index, each in enumerate(file.custom_models or ())],
        api_token=file.api_token or None,
        use_v1_api=file.use_v1_api,
    )


def _bot(name: str, options: object) -> BotConfig:
    path = f"models.{name}"
    if not name.strip():
        raise ConfigError("models: a bot's name is empty.", path)
    return fields.convert({} if options is None else options, BotConfig, path)


def _custom(index: int, entry: object) -> CustomModel:
    path = f"custom_models[{index}]"
    custom = fields.convert(entry, CustomModel, path)
    if not custom.id.strip():
        raise ConfigError(f"{path}.id: it is empty.", f"{path}.id")
    return custom


def _check_numbers(value: object, path: str = "") -> None:
    """Refuse infinity and NaN: neither Poe's JSON nor the panel's has them."""
    if isinstance(value, dict):
        for name, each in value.items():
            _check_numbers(each, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            _check_numbers(each, f"{path}[{index}]")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{path}: a finite number is expected.", path)
