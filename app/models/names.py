"""Names: the bot that each name means. Conflicts are decided in the order of docs/models.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from app.models.config import BotConfig, ModelsConfig


class Conflict(Struct, frozen=True):
    """A name that ``bot`` cannot have, because ``holder`` has it. ``path`` is the field to change."""

    path: str
    name: str
    bot: str
    holder: str

    @property
    def message(self) -> str:
        if self.bot == self.holder:
            return f"{self.path}: the bot {self.bot!r} appears twice, ignoring case."
        return f"{self.path}: {self.bot!r} and {self.holder!r} would both be called {self.name!r}."


class Names(Struct, frozen=True, kw_only=True):
    """``shown`` has the names of each visible bot: its own or its mapping, then its aliases.

    Its keys are the bots' names at Poe, in the list's order. ``bots`` is for requests: it maps every name,
    hidden bots' included, in lower case, to its bot. ``options`` has the file's bots, by their names in
    lower case.
    """

    shown: Mapping[str, Sequence[str]]
    bots: Mapping[str, str]
    options: Mapping[str, BotConfig]
    conflicts: Sequence[Conflict] = ()


def assign(config: ModelsConfig, listed: Sequence[str]) -> Names:
    """Assign the names of the file's bots and of those in Poe's list, ``listed``."""
    return _Assignment(config, listed).names()


class _Claim(Struct, frozen=True):
    name: str
    bot: str
    path: str


class _Assignment:
    """Names are claimed one after another; first come, first served."""

    def __init__(self, config: ModelsConfig, listed: Sequence[str]) -> None:
        self._config = config
        self._conflicts: list[Conflict] = []
        self._holders: dict[str, _Claim] = {}
        self._options: dict[str, BotConfig] = {}
        self._paths: dict[str, str] = {}
        self._spelled: dict[str, str] = {}  # as Poe has it, or who speaks of it first
        offered = [*listed, *(each.id.strip() for each in config.custom_models)]
        for name in (*offered, *config.models):
            self._spelled.setdefault(name.casefold(), name)
        self._offered = dict.fromkeys(self._spelled[name.casefold()] for name in offered)

    def names(self) -> Names:
        self._note_options()
        self._find_twins()
        visible = {bot: options for bot, options in self._file_bots() if options.enable is not False}
        hidden = {bot: options for bot, options in self._file_bots() if options.enable is False}
        mapped = {bot for bot, options in visible.items() if self._claim_mapping(bot, options)}
        for bot, options in visible.items():
            self._claim_aliases(bot, options)
        for bot in dict.fromkeys((*self._offered, *visible)):
            if bot not in mapped and bot not in hidden:
                self._claim(_Claim(bot, bot, f"models.{bot}"))
        shown = self._shown(mapped, hidden)
        self._claim_silently(visible, hidden)
        bots = {name: claim.bot for name, claim in self._holders.items()}
        return Names(shown=shown, bots=bots, options=self._options, conflicts=self._conflicts)

    def _note_options(self) -> None:
        for name, options in self._config.models.items():
            key = name.casefold()
            if key in self._options:
                bot = self._spelled[key]
                self._conflicts.append(Conflict(f"models.{name}", name, bot, bot))
            else:
                self._options[key] = options
                self._paths[self._spelled[key]] = f"models.{name}"

    def _find_twins(self) -> None:
        """Find custom bots that appear twice. One that Poe lists as well is no mistake."""
        seen: set[str] = set()
        for index, custom in enumerate(self._config.custom_models):
            key = custom.id.strip().casefold()
            if key in seen:
                bot = self._spelled[key]
                self._conflicts.append(Conflict(f"custom_models[{index}].id", custom.id, bot, bot))
            seen.add(key)

    def _file_bots(self) -> Iterator[tuple[str, BotConfig]]:
        return ((self._spelled[key], options) for key, options in self._options.items())

    def _claim_mapping(self, bot: str, options: BotConfig) -> bool:
        """Claim the name that the file gives the bot; return whether it gets it."""
        name = (options.mapping or "").strip()
        return bool(name) and self._claim(_Claim(name, bot, f"{self._paths[bot]}.mapping"))

    def _claim_aliases(self, bot: str, options: BotConfig) -> None:
        for index, alias in enumerate(options.aliases or ()):
            if alias.strip():
                path = f"{self._paths[bot]}.aliases[{index}]"
                self._claim(_Claim(alias.strip(), bot, path))

    def _claim(self, claim: _Claim) -> bool:
        holder = self._holders.setdefault(claim.name.casefold(), claim)
        if holder.bot == claim.bot:
            return True
        path = holder.path if claim.name == claim.bot else claim.path  # what a person has written
        self._conflicts.append(Conflict(path, claim.name, claim.bot, holder.bot))
        return False

    def _claim_silently(self, visible: Mapping[str, BotConfig], hidden: Mapping[str, BotConfig]) -> None:
        """Claim the names that are not shown, which work all the same, unless another bot has them."""
        for bot, options in hidden.items():
            for name in (options.mapping or "", *(options.aliases or ())):
                if name.strip():
                    self._holders.setdefault(name.strip().casefold(), _Claim(name, bot, ""))
        for bot in (*visible, *hidden):
            self._holders.setdefault(bot.casefold(), _Claim(bot, bot, ""))

    def _shown(self, mapped: set[str], hidden: Mapping[str, BotConfig]) -> dict[str, list[str]]:
        shown: dict[str, list[str]] = {}
        for bot in self._offered:
            if bot in hidden:
                continue
            options = self._options.get(bot.casefold(), BotConfig())
            first = (options.mapping or "").strip() if bot in mapped else bot
            wanted = (first, *(alias.strip() for alias in options.aliases or ()))
            held = {name.casefold(): name for name in reversed(wanted) if self._holds(bot, name)}
            names = dict.fromkeys(held[name.casefold()] for name in wanted if name.casefold() in held)
            if names:
                shown[bot] = list(names)
        return shown

    def _holds(self, bot: str, name: str) -> bool:
        holder = self._holders.get(name.casefold())
        return holder is not None and holder.bot == bot
