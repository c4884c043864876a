"""Catalogue: the bots that clients see, and the bot that each name means."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TypeVar

from app.errors import model_not_found
from app.logs import News, logger
from app.models import shape as shapes
from app.models.config import ModelsConfig
from app.models.listing import List, Listing
from app.models.model import Model
from app.models.shape import Bot, Shape
from app.models.store import Store
from app.tools.ways import Way

_TOLD_CONFLICTS = 10
_VERSION = re.compile(r"(-latest|-20\d{6})?(\[\w+\])?$")
_DIGITS = re.compile(r"(?<=-)(\d)-(\d)(?![^-])")
_Known = TypeVar("_Known")


class Catalog:
    """Poe's ``listing`` as changed by ``store``. ``is_strict``: a bot outside the list does not exist.

    A name is matched against what is known at the moment: a completion does not wait for the list,
    unless ``is_strict`` needs one and there never was any.
    """

    def __init__(self, store: Store, listing: Listing, *, is_strict: bool = False) -> None:
        self._store = store
        self._listing = listing
        self._is_strict = is_strict
        self._made_of: tuple[ModelsConfig, List] | None = None
        self._shape = shapes.shape(ModelsConfig(), ())
        self._news = News()

    def shape(self) -> Shape:
        """The list and all names, as far as Poe's list is known."""
        config, known = self._store.current().config, self._listing.known()
        made_of = self._made_of
        if made_of is None or made_of[0] is not config or made_of[1] is not known:
            self._shape = shapes.shape(config, known.models)
            self._made_of = config, known
            self._warn()
        return self._shape

    def models(self) -> Sequence[Model]:
        """The list for clients. Waits only if Poe's was never fetched. Raises ``ApiError`` (502, 504)."""
        self._listing.wait(self._token())
        return self.shape().models

    def find(self, name: str) -> Model | None:
        """The list's entry for a name, read as ``resolve`` reads it. Waits and raises as ``models`` does."""
        self.models()
        return _named(self.shape().by_name, name)

    def resolve(self, name: str) -> Bot:
        """The bot that a client means by ``name``.

        A vendor's prefix (``openai/gpt-4o``) is dropped if the rest is known and the whole is not.
        Anthropic's spelling (``claude-sonnet-4-5-20250929`` for ``Claude-Sonnet-4.5``) is understood.
        An unknown name is passed on as the bot's own. Raises ``ApiError`` (404) for a bot that is not
        in the list, if the catalog is strict.
        """
        bot = _named(self.shape().bots, name)
        if not self._is_strict or (bot and bot.is_listed):
            self.refresh_in_background()
            return bot or Bot(name.strip())
        self.models()
        bot = _named(self.shape().bots, name)
        if bot is None or not bot.is_listed:
            raise model_not_found(f"The model {name[:200]!r} is not in the list of models (STRICT_MODELS).")
        return bot

    def tools_way(self, bot: Bot) -> Way:
        """How tools get to ``bot``: as the file says, or else according to Poe's list."""
        mode = bot.options.tools or "auto"
        if mode != "auto":
            return mode
        return "native" if bot.has_tools else "xml"

    def refresh_in_background(self) -> None:
        """Renew Poe's list in the background if it is not fresh."""
        self._listing.refresh_in_background(self._token())

    def prepare(self) -> None:
        """Prepare for the first request: have a list, even an old one."""
        self.look()
        if not self._listing.known().models:
            self.refresh_in_background()

    def look(self) -> None:
        """Take over changes on disk. To be called now and then."""
        self.shape()

    def _token(self) -> str | None:
        return self._store.current().config.list_token

    def _warn(self) -> None:
        conflicts = self._shape.conflicts
        if conflicts:
            told = " ".join(f"{conflict.message}" for conflict in conflicts[:_TOLD_CONFLICTS])
            if self._news.is_news(told):
                logger.warning("%s: the first claim of a name counts. %s", self._store.path, told)


def _named(known: Mapping[str, _Known], name: str) -> _Known | None:
    """What ``name`` means, in any case; else what it means without the part before a slash."""
    rest = name.strip().casefold()
    while True:
        found = known.get(rest) or known.get(_without_version(rest))
        if found is not None:
            return found
        _, slash, rest = rest.partition("/")
        if not slash:
            return None


def _without_version(name: str) -> str:
    """A name of Anthropic's as Poe writes it: with a dot, and without date and what programs append."""
    return _DIGITS.sub(r"\1.\2", _VERSION.sub("", name))
