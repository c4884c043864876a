"""Catalogue: which bots there are, and which one a client means.

Poe's list is fetched when it is needed, is fresh for a while, and is served stale while Poe is
down. A name is matched against what is known at that moment: a completion never waits for the list.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from app.errors import ApiError, bad_upstream
from app.logs import logger
from app.tools.ways import Mode, Way

_RETRY_SECONDS = 10.0  # between attempts in the background while Poe is down


class Model(Struct, frozen=True):
    """A bot as the list tells of it. ``created`` in seconds; ``None`` where Poe says nothing.

    ``has_tools``: the list says that the bot takes tools by itself.
    """

    id: str
    created: int = 0
    owned_by: str = "poe"
    description: str | None = None
    context_length: int | None = None
    max_output_tokens: int | None = None
    architecture: Mapping[str, Any] | None = None
    pricing: Mapping[str, Any] | None = None
    parameters: Sequence[str] = ()
    has_tools: bool = False


class Catalog:
    """The list of bots, kept by ``clock`` (seconds, monotonic) for ``fresh_seconds``.

    ``fetch`` gets it from Poe and raises ``ApiError`` if it cannot.
    """

    def __init__(
        self,
        fetch: Callable[[], Sequence[Model]],
        clock: Callable[[], float],
        fresh_seconds: float,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._fresh_seconds = fresh_seconds
        self._models: Sequence[Model] = ()
        self._by_name: Mapping[str, Model] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._attempts = 0
        self._failure: ApiError | None = None
        self._fetching = threading.Lock()

    def models(self) -> Sequence[Model]:
        """The list. Waits only if there is none yet; one that is not fresh is renewed meanwhile.

        Raises ``ApiError`` (502) if there never was one and Poe cannot be asked.
        """
        if self._fetched_at is not None:
            self.refresh_in_background()
            return self._models
        attempts = self._attempts
        with self._fetching:
            if self._attempts == attempts:  # else another request has just tried
                self._refresh()
        if self._fetched_at is None and self._failure is not None:
            raise self._failure
        return self._models

    def find(self, name: str) -> Model | None:
        """The bot of that name in any case, from the list as ``models`` gives it."""
        self.models()
        return self._by_name.get(name.casefold())

    def resolve(self, name: str) -> str:
        """The bot that a client means by ``name``.

        As the list spells it; a vendor's prefix (``openai/gpt-4o``) is left out if the list knows
        what follows it and not the whole. A name that the list does not know is the bot's own.
        """
        self.refresh_in_background()
        rest = name.strip()
        while True:
            model = self._by_name.get(rest.casefold())
            if model is not None:
                return model.id
            _, slash, rest = rest.partition("/")
            if not slash:
                return name.strip()

    def tools_way(self, bot: str, mode: Mode = "auto") -> Way:
        """How tools get to ``bot``, as far as the list is known at this moment."""
        if mode != "auto":
            return mode
        model = self._by_name.get(bot.casefold())
        return "native" if model is not None and model.has_tools else "xml"

    def refresh_in_background(self) -> None:
        """See to it that the list is fresh soon."""
        now = self._clock()
        is_due = self._tried_at is None or now - self._tried_at >= _RETRY_SECONDS
        if not self._is_fresh() and is_due and not self._fetching.locked():
            self._tried_at = now
            threading.Thread(target=self._refresh_in_turn, name="models", daemon=True).start()

    def _is_fresh(self) -> bool:
        return self._fetched_at is not None and self._clock() - self._fetched_at < self._fresh_seconds

    def _refresh(self) -> None:
        self._tried_at = self._clock()
        try:
            models = self._fetch()
        except ApiError as error:
            logger.warning("the list of models could not be fetched: %s", error)
            self._failure = bad_upstream(f"Poe's list of models could not be fetched: {error.message}")
        else:
            self._models = models
            self._by_name = {model.id.casefold(): model for model in reversed(models)}
            self._fetched_at = self._clock()
        self._attempts += 1

    def _refresh_in_turn(self) -> None:
        with self._fetching:
            if not self._is_fresh():
                self._refresh()
