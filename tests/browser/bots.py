"""Poe with five hundred bots: the demo's, with names like Poe's, and many that are only listed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence

from demo.bots import BOTS, Artist, DemoBot, Thinker, create_poe
from demo.serving import Served

COUNT = 500
_CREATED = 1767225600  # 2026-01-01, in seconds
_DAY = 86400
_TEXT, _IMAGE, _VIDEO, _AUDIO = (["text"], ["image"], ["video"], ["audio"])

_ANSWERING: Mapping[str, tuple[type[DemoBot], str]] = {
    "Claude-Sonnet-4.5": (Thinker, "Anthropic"),
    "GPT-5.2": (Thinker, "OpenAI"),
    "FLUX-2-Pro": (Artist, "Black Forest Labs"),
}

# Owner, name, what it gives, dollars for a million tokens in and out or for a request, thousands of context.
_KNOWN: Sequence[tuple[str, str, list[str], tuple[float, ...], int]] = (
    ("Anthropic", "Claude-Opus-4.5", _TEXT, (4.3, 21.5), 200),
    ("Anthropic", "Claude-Haiku-4.5", _TEXT, (0.86, 4.3), 200),
    ("Anthropic", "Claude-Sonnet-4", _TEXT, (2.6, 13), 1000),
    ("OpenAI", "GPT-5.2-Pro", _TEXT, (18.9, 151.2), 400),
    ("OpenAI", "GPT-5-mini", _TEXT, (0.23, 1.8), 400),
    ("OpenAI", "o3-pro", _TEXT, (18, 72), 200),
    ("OpenAI", "GPT-Image-1.5", _IMAGE, (0.04,), 0),
    ("OpenAI", "Sora-2", _VIDEO, (0.3,), 0),
    ("Google", "Gemini-3-Pro", _TEXT, (1.8, 10.8), 1048),
    ("Google", "Gemini-2.5-Flash", _TEXT, (0.27, 2.25), 1048),
    ("Google", "Nano-Banana-Pro", _IMAGE, (0.12,), 0),
    ("Google", "Veo-3.1", _VIDEO, (1.2,), 0),
    ("DeepSeek", "DeepSeek-V3.2", _TEXT, (0.28, 0.42), 128),
    ("DeepSeek", "DeepSeek-R1", _TEXT, (0.55, 2.19), 128),
    ("XAI", "Grok-4.1-Fast", _TEXT, (0.2, 0.5), 2000),
    ("ElevenLabs", "ElevenLabs-v3", _AUDIO, (0.08,), 0),
    ("Black Forest Labs", "FLUX-Kontext-Max", _IMAGE, (0.07,), 0),
    ("Moonshot AI", "Kimi-K2-Thinking", _TEXT, (0.6, 2.5), 256),
)
_ABOUT = {
    "text": "answers questions, writes and reviews code, and reads long documents",
    "image": "paints pictures from a description, and edits those that are sent along",
    "video": "makes short films with sound from a description or a first picture",
    "audio": "speaks texts in many languages, with feeling",
}


def _named(name: str, kind: type[DemoBot], owner: str) -> type[DemoBot]:
    about = f"{name} {_ABOUT[kind.output_modalities[0]]}."
    return type(name, (kind,), {"about": about, "owner": owner, "input_modalities": ("text", "image")})


def _others(count: int) -> Iterator[dict[str, object]]:
    chance = random.Random(7)
    for number, known in enumerate(_KNOWN):
        yield _entry(number, *known)
    for number in range(len(_KNOWN), count):
        owner = f"poe_user_{number % 11}"
        name = f"{chance.choice(['Helper', 'Writer', 'Coder', 'Tutor', 'Translator'])}-{number}"
        yield _entry(number, owner, name, _TEXT, (0.26, 1.3), chance.choice([32, 128, 200]))


def _entry(
    number: int, owner: str, name: str, gives: list[str], dollars: tuple[float, ...], context: int
) -> dict[str, object]:
    per_token = [f"{amount / 1e6:.10f}" for amount in dollars]
    prices = (
        {"prompt": per_token[0], "completion": per_token[1]}
        if len(dollars) == 2
        else {"request": str(dollars[0])}
    )
    return {
        "id": name,
        "object": "model",
        "created": (_CREATED - number * _DAY) * 1000,
        "owned_by": owner,
        "description": f"{name} {_ABOUT[gives[0]]}.",
        "architecture": {
            "input_modalities": ["text", "image"] if number % 3 else ["text"],
            "output_modalities": gives,
        },
        "pricing": {"prompt": None, "completion": None, "image": None, "request": None} | prices,
        "context_window": {"context_length": context * 1000, "max_output_tokens": 64_000}
        if context
        else None,
        "parameters": [{"name": "thinking_budget", "schema": {}}] if gives == _TEXT else [],
    }


MARKUP = '<img src=x onerror="window.wasRun = 1"><script>window.wasRun = 1</script>'
ARABIC = "\u0628\u0648\u062a-\u0627\u0644\u0639\u0631\u0628\u064a\u0629"


def _odd(name: str, **more: object) -> dict[str, object]:
    return {"id": name, "object": "model", "created": 1, "owned_by": name, "description": name} | more


def odd_entries() -> list[dict[str, object]]:
    """Listed bots described by somebody malicious, or careless."""
    modes = {"input_modalities": ["text", "hologram"], "output_modalities": ["text"]}
    endless = {"context_length": 10**15, "max_output_tokens": 1}
    prices = {"prompt": "0.00000012", "completion": "1234.5"}
    return [
        _odd(MARKUP),
        _odd("L" * 300, architecture=modes, context_window=endless, pricing=prices, description="d" * 5000),
        _odd(ARABIC, pricing={"prompt": "-1", "completion": "NaN"}),
        _odd("\u202edesrever"),
        _odd("__proto__"),
        _odd("constructor"),
    ]


class Poe(Served):
    """These bots on a free port of the loopback. ``others`` are listed but do not answer."""

    def __init__(self, count: int = COUNT, more: Sequence[dict[str, object]] = ()) -> None:
        kinds = [*BOTS, *(_named(name, *answering) for name, answering in _ANSWERING.items())]
        self.others = [*_others(count - sum(not kind.is_private for kind in kinds)), *more]
        super().__init__(create_poe(kinds, self.others))
