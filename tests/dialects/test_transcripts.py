"""Every transcript of a bot with calls, through the pipeline to the client, streamed and whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import pytest

from app.answer.deltas import Delta, Finish
from app.answer.pipeline import Pipeline
from app.answer.toolcalls import ToolCalls
from app.dialects.chat_answer import ChatCompletion, ChatStream
from app.poe.events import Text
from app.tokenizer import o200k
from tests.answer.strategies import WIDTHS, pieces
from tests.answer.test_toolcalls import TOOLS, TRANSCRIPTS


def answered(said: Sequence[str]) -> Iterator[Sequence[Delta]]:
    """The batches of an answer that comes in pieces."""
    ids = (f"call_{index:024}" for index in count())
    pipeline = Pipeline(o200k(), written_calls=ToolCalls(TOOLS, lambda: next(ids)))
    for piece in said:
        yield pipeline.feed([Text(piece)])
        if pipeline.finish_reason:
            break
    else:
        yield pipeline.finish()
    yield [Finish(pipeline.finish_reason or "", pipeline.usage(0))]


def whole(said: Sequence[str]) -> tuple[str, list[Any], str]:
    completion = ChatCompletion("id", 1, "bot")
    for batch in answered(said):
        completion.add(batch)
    choice = json.loads(completion.render())["choices"][0]
    message = choice["message"]
    return message["content"] or "", message.get("tool_calls", []), choice["finish_reason"]


def streamed(said: Sequence[str]) -> tuple[str, list[Any], str]:
    """The same, as clients join it."""
    renderer = ChatStream("id", 1, "bot", include_usage=False)
    body = b"".join(renderer.render(batch) for batch in answered(said))
    content, calls, reason = "", [], None
    for event in body.split(b"\n\n")[:-2]:
        (choice,) = json.loads(event.removeprefix(b"data: "))["choices"]
        assert reason is None
        reason = choice["finish_reason"]
        content += choice["delta"].get("content") or ""
        for piece in choice["delta"].get("tool_calls", []):
            index = piece.pop("index")
            if index == len(calls):
                calls.append(piece)
                continue
            assert index == len(calls) - 1
            calls[index]["function"]["arguments"] += piece["function"]["arguments"]
    return content, calls, reason or ""


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_a_client_gets_the_same_streamed_and_whole_whatever_the_cut(name: str) -> None:
    transcript = TRANSCRIPTS[name]
    for width in WIDTHS:
        content, calls, reason = streamed(pieces(transcript.said, width))
        assert (content, calls, reason) == whole(pieces(transcript.said, width))
        named = [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in calls]
        assert (content, named) == (transcript.text, transcript.calls)
        assert reason == ("tool_calls" if calls else "stop")
        assert len({call["id"] for call in calls}) == len(calls)


def test_there_are_enough_of_them() -> None:
    assert len(TRANSCRIPTS) >= 60
