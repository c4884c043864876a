"""What the tests of the stages share: cutting text, joining answers, text that looks like markers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from hypothesis import strategies as st

from app.answer.deltas import Reasoning, Restart, Text

WIDTHS = (*range(1, 10), 10**6)

_FRAGMENTS = (
    *(
        "*Thinking...*",
        "Thinking...",
        "Thinking",
        "*Thinking... (12s elapsed)*",
        "**Thinking…**",
        "T",
        "*",
        "_",
    ),
    *("\n", "\n\n", "\r\n", " \n", "> ", ">", "> a\n", ">\n", "> > b\n", "   > c\n", "    ", " ", "\t"),
    *("<think>", "</think>", "<thinking>", "</thinking>", "<thin", "</thin", "<"),
    *("[", "]", "[ab]", "[t][cd]", "![t][ab]", "![", "][", "(", ")", ":", "a[0]", "[x", "!"),
    *(
        "END",
        "EN",
        "ND",
        "word",
        " word",
        "12",
        "'s",
        "é",
        "你好，",
        "。",
        "🧑‍🚀",
        "\u200b",
        "\x00",
        "\x85",
        "\u2028",
    ),
)


def fragments(max_size: int = 14) -> st.SearchStrategy[str]:
    """Text dense with markers and parts of them."""
    return st.lists(st.sampled_from(_FRAGMENTS) | st.text(max_size=4), max_size=max_size).map("".join)


def plain(max_size: int = 60) -> st.SearchStrategy[str]:
    """Text that looks like a marker here and there, but never is one."""
    safe = st.sampled_from(
        (
            "Thinking of it",
            " Thinking... and so on",
            "\n> a quote",
            "<thin",
            "a <think> tag",
            " [",
            "] ",
            "[ a b ]",
        )
    )
    word = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="<>[]"), max_size=8)
    return st.lists(safe | word, max_size=8).map(lambda each: ("The " + "".join(each))[:max_size])


@st.composite
def cut(draw: st.DrawFn, text: str) -> list[str]:
    """``text`` in pieces, some of them empty."""
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=12)))
    return [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]


@st.composite
def batched(draw: st.DrawFn, items: Sequence[Any]) -> list[list[Any]]:
    """``items`` in batches, some of them empty."""
    places = sorted(draw(st.lists(st.integers(0, len(items)), max_size=6)))
    return [list(items[start:end]) for start, end in zip([0, *places], [*places, len(items)], strict=True)]


def pieces(text: str, width: int) -> list[str]:
    return [text[start : start + width] for start in range(0, len(text), width)]


def run(stage: Any, batches: Iterable[Sequence[Any]]) -> list[Any]:
    """Everything that ``stage`` returns for ``batches`` and their end."""
    out: list[Any] = []
    for batch in batches:
        out += stage.feed(batch)
    return [*out, *stage.finish()]


def whole(deltas: Iterable[Any]) -> tuple[str, str]:
    """The text and reasoning of a whole answer."""
    text, reasoning = "", ""
    for delta in deltas:
        match delta:
            case Text(more):
                text += more
            case Reasoning(more):
                reasoning += more
            case Restart():
                text = reasoning = ""
    return text, reasoning


def merged(deltas: Iterable[Any]) -> list[Any]:
    """The same deltas with adjacent ones of a kind joined: no cut may change these."""
    out: list[Any] = []
    for delta in deltas:
        if out and type(delta) is type(out[-1]) and isinstance(delta, (Text, Reasoning)):
            out[-1] = type(delta)(out[-1].text + delta.text)
        else:
            out.append(delta)
    return out
