"""Shape: Poe's list and models.yaml, combined into what clients see and what each name means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from app.models import names
from app.models.config import BotConfig, ModelsConfig
from app.models.model import Model, seconds
from app.models.names import Conflict


class Bot(Struct, frozen=True):
    """The bot that a client means: its name at Poe, and the file's options for it.

    ``is_listed``: clients see it in the list. ``has_tools``: according to Poe's list, it supports tools.
    """

    name: str
    options: BotConfig = BotConfig()
    has_tools: bool = False
    is_listed: bool = False


class Entry(Struct, frozen=True, kw_only=True):
    """A bot as the panel shows it, visible to clients or not. ``model`` is Poe's description or the file's.

    ``names`` are those that clients see, without aliases that another bot has; the first is its main name.
    ``listed``: Poe's list has it now; ``custom``: the file adds it.
    """

    model: Model
    names: Sequence[str]
    shown: bool
    listed: bool
    custom: bool
    options: BotConfig
    conflict: Conflict | None = None


class Shape(Struct, frozen=True, kw_only=True):
    """``models`` is the list for clients, with an entry for each alias; ``by_name`` finds one in any case.

    ``bots`` maps each name in lower case (``str.casefold``) to its bot, including hidden bots and the own
    names of renamed ones.
    """

    models: Sequence[Model]
    by_name: Mapping[str, Model]
    bots: Mapping[str, Bot]
    entries: Sequence[Entry]
    conflicts: Sequence[Conflict] = ()


def shape(config: ModelsConfig, listed: Sequence[Model]) -> Shape:
    """Apply ``config`` to Poe's list; with ``enable`` false, the list stays as it is."""
    return _Shaping(config if config.enable else ModelsConfig(), listed).shape(config)


class _Shaping:
    def __init__(self, config: ModelsConfig, listed: Sequence[Model]) -> None:
        self._names = names.assign(config, [model.id for model in listed])
        self._all = listed
        self._listed = {model.id.casefold(): model for model in reversed(listed)}
        self._offered = _offered(config, listed)

    def shape(self, config: ModelsConfig) -> Shape:
        models = [model for bot in self._names.shown for model in self._models_of(bot)]
        return Shape(
            models=models,
            by_name={model.id.casefold(): model for model in models},
            bots={name: self._bot(bot) for name, bot in self._names.bots.items()},
            entries=list(self._entries(config)),
            conflicts=self._names.conflicts,
        )

    def _models_of(self, bot: str) -> Iterator[Model]:
        """The list's entries for a bot, one for each of its names."""
        options = self._options(bot)
        model = self._offered[bot.casefold()]
        for name in self._names.shown[bot]:
            yield replace(
                model,
                id=name,
                context_length=options.context_length or model.context_length,
                max_output_tokens=options.max_output_tokens or model.max_output_tokens,
            )

    def _bot(self, bot: str) -> Bot:
        listed = self._listed.get(bot.casefold())
        has_tools = listed is not None and listed.has_tools
        return Bot(bot, self._options(bot), has_tools, bot in self._names.shown)

    def _options(self, bot: str) -> BotConfig:
        return self._names.options.get(bot.casefold(), BotConfig())

    def _entries(self, config: ModelsConfig) -> Iterator[Entry]:
        """All bots: listed, custom, and those that only the file mentions."""
        custom = {each.id.strip().casefold() for each in config.custom_models}
        written = {name.casefold(): options for name, options in reversed(list(config.models.items()))}
        conflicts = {conflict.bot: conflict for conflict in reversed(self._names.conflicts)}
        models = _offered(config, self._all)
        for name in config.models:
            models.setdefault(name.casefold(), Model(name))
        for key, model in models.items():
            yield Entry(
                model=model,
                names=self._names.shown.get(model.id, ()),
                shown=model.id in self._names.shown,
                listed=key in self._listed,
                custom=key in custom,
                options=written.get(key, BotConfig()),
                conflict=conflicts.get(model.id),
            )


def _offered(config: ModelsConfig, listed: Sequence[Model]) -> dict[str, Model]:
    """Poe's list, then the custom bots that it does not have, by name in lower case."""
    offered: dict[str, Model] = {}
    for model in listed:
        offered.setdefault(model.id.casefold(), model)
    for custom in config.custom_models:
        name = custom.id.strip()
        model = Model(name, seconds(custom.created), custom.owned_by or "poe")
        offered.setdefault(name.casefold(), model)
    return offered
