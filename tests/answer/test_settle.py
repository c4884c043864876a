from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.answer import settle
from app.answer.deltas import Restart
from app.answer.deltas import Text as Delta
from app.answer.settle import APPENDS_AGAIN, Settle, is_progress
from app.poe.events import Event, File, Replace, Text

from .strategies import batched, run, whole


def settled(*events: Event) -> list[Delta | Restart | File]:
    return run(Settle(), [[event] for event in events])


def shown(*events: Event) -> str:
    """What a client shows that only appends and ignores restarts."""
    return "".join(item.text for item in settled(*events) if isinstance(item, Delta))


def final(*events: Event) -> str:
    """The answer as the protocol defines it."""
    text = ""
    for event in events:
        match event:
            case Text(more):
                text += more
            case Replace(instead):
                text = instead
    return text


def test_a_bot_that_only_appends_is_never_delayed():
    stage = Settle()
    for text in ("The", " answer", " is\n", "", "42 (3s)."):
        assert whole(stage.feed([Text(text)])) == (text, "")
    assert stage.finish() == []


def test_an_answer_that_begins_with_a_replacement_is_held():
    stage = Settle()
    assert stage.feed([Replace("Whatever"), Text(" words")]) == []
    assert stage.feed([Replace("The end"), Text(".")]) == []
    assert stage.finish() == [Delta("The end.")]


def test_progress_lines_are_never_shown():
    lines = [f"Generating image ({second}s elapsed)" for second in range(30)]
    events = [Text(lines[0]), *map(Replace, lines[1:]), Replace("![a](https://cdn/a)")]
    assert settled(*events) == [Delta("![a](https://cdn/a)")]


def test_progress_lines_in_pieces_are_never_shown():
    assert settled(Text("Thinking..."), Text(" (1s elapsed)"), Replace("Done.")) == [Delta("Done.")]


def test_a_progress_line_that_nothing_replaces_is_the_answer():
    assert settled(Text("Thinking...")) == [Delta("Thinking...")]


def test_a_progress_line_with_an_answer_behind_it_goes_on():
    stage = Settle()
    assert stage.feed([Text("*Thinking...*")]) == []
    assert stage.feed([Text("\n\n> Well")]) == [Delta("*Thinking...*\n\n> Well")]
    assert stage.feed([Text(",")]) == [Delta(",")]


def test_a_bot_that_goes_over_to_appending_is_shown_again():
    stage = Settle()
    stage.feed([Replace("*Thinking... (1s)*"), Replace("The")])
    appended = [Text(f" {number}") for number in range(APPENDS_AGAIN)]
    assert stage.feed(appended[:-1]) == []
    assert stage.feed(appended[-1:]) == [Delta("The" + "".join(each.text for each in appended))]
    assert stage.feed([Text(" more")]) == [Delta(" more")]


def test_a_replacement_that_continues_the_text_sends_only_what_is_new():
    assert settled(Text("Hello"), Replace("Hello"), Text(" world")) == [Delta("Hello"), Delta(" world")]


def test_a_replacement_by_the_same_text_sends_nothing():
    assert settled(Text("Hello"), Replace("Hello")) == [Delta("Hello")]


def test_a_replacement_of_what_was_shown_restarts():
    assert settled(Text("Hello"), Replace("Bye"), Text("!")) == [Delta("Hello"), Restart(), Delta("Bye!")]


def test_a_replacement_by_nothing_restarts():
    assert settled(Text("Hello"), Replace("")) == [Delta("Hello"), Restart()]


def test_an_answer_too_long_to_remember_restarts(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(settle, "REMEMBERED", 10)
    assert settled(Text("x" * 11), Replace("x" * 11), Text("y")) == [
        Delta("x" * 11),
        Restart(),
        Delta("x" * 11 + "y"),
    ]


def test_files_pass_while_text_is_held():
    file = File("https://cdn/a")
    stage = Settle()
    assert stage.feed([Replace("a"), file]) == [file]
    assert stage.finish() == [Delta("a")]


@pytest.mark.parametrize(
    "line",
    [
        "Thinking...",
        "*Thinking...*",
        "*Thinking... (12s elapsed)*",
        "Thinking… (1m 2s elapsed)",
        "Generating image (3s)",
        "🎨 Drawing a cat... 40%",
        "Loading 40%",
        "\n_Searching the web..._\n",
        "Rendering video (12 seconds)",
        "Upscaling (50%)",
        "Please wait (7 min)",
    ],
)
def test_a_line_of_progress_is_known(line: str):
    assert is_progress(line)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The answer",
        "thinking...",
        "Thinking",
        "Thinking...\n\n> a",
        "It took a while (about three seconds)",
        "Kings ruled (5 kings)",
        "Interesting. And so on...\nYes",
        "Thinking... " * 40,
    ],
)
def test_an_answer_is_not_taken_for_progress(text: str):
    assert not is_progress(text)


_TEXTS = st.sampled_from(["", "a", "ab", "Hello", "Thinking...", "Generating (3s)", " (1s)", "\n"]) | st.text(
    max_size=5
)
_EVENTS = st.lists(st.one_of(_TEXTS.map(Text), _TEXTS.map(Text), _TEXTS.map(Replace)), max_size=40)


@given(_EVENTS)
def test_the_whole_answer_is_exact(events: list[Event]):
    assert whole(settled(*events))[0] == final(*events)


@given(_EVENTS)
def test_what_a_stream_shows_ends_with_the_whole_answer(events: list[Event]):
    assert shown(*events).endswith(final(*events))


@given(st.data())
def test_batches_change_nothing(data: st.DataObject):
    events = data.draw(_EVENTS)
    assert run(Settle(), data.draw(batched(events))) == settled(*events)


@given(st.lists(st.text(min_size=1, max_size=8), max_size=20))
def test_text_events_alone_pass_unchanged(texts: list[str]):
    assert shown(*map(Text, texts)) == "".join(texts)
