"""A real server of Poe's protocol: ``fastapi_poe`` bots behind uvicorn, in a thread."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import AsyncIterable

import fastapi_poe as fp
from fastapi import FastAPI
from sse_starlette import ServerSentEvent

from demo.serving import Served

MODELS = [
    {
        "id": "Echo",
        "object": "model",
        "created": 1712505600000,
        "owned_by": "Anthropic",
        "description": "Says what it received.",
        "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]},
        "pricing": {"prompt": "0.0000026", "completion": "0.000013", "image": None},
        "context_window": {"context_length": 200000, "max_output_tokens": 64000},
        "parameters": [{"name": "thinking_budget", "schema": {"type": "integer"}}],
    },
    {"id": "bare"},
    {"id": "NativeCaller", "supported_features": ["tools"]},
    {"id": "NativeEcho", "supported_features": ["tools"]},
]


class _Bot(fp.PoeBot):
    """A bot that yields ``replies``."""

    replies: tuple[object, ...] = ()

    async def get_response(self, request: fp.QueryRequest) -> AsyncIterable[object]:
        for reply in self.replies:
            yield fp.PartialResponse(text=reply) if isinstance(reply, str) else reply


class Echo(fp.PoeBot):
    """Says, as JSON, the body that it received."""

    async def get_response_with_context(
        self, request: fp.QueryRequest, context: fp.RequestContext
    ) -> AsyncIterable[object]:
        received = dict(await context.http_request.json())
        received.pop("http_request", None)
        yield fp.PartialResponse(text=json.dumps(received))


class Counter(_Bot):
    replies = (
        fp.MetaResponse(text="", suggested_replies=False),
        *("one ", "two ", "", "three ", "四 ", "\U0001f680"),
        fp.PartialResponse(text="and then?", is_suggested_reply=True),
        fp.DataResponse(metadata="m"),
    )


class Thinker(_Bot):
    replies = (
        *("*Thinking...*\n\n", "> **Planning**\n", "> \n> I look", " twice.\n", "> > quoted\n\n"),
        "The answer.",
    )


class Artist(_Bot):
    replies = (
        "Here: ![a cat][cat1].",
        fp.PartialResponse(
            text="",
            attachment=fp.Attachment(
                url="https://pfst.cf2.poecdn.net/base/image/cat", content_type="image/png", name="cat.png",
                inline_ref="cat1",
            ),
        ),
    )  # fmt: skip


class Progress(_Bot):
    replies = (
        *(fp.PartialResponse(text=f"Generating image ({n}s)", is_replace_response=True) for n in (1, 2, 3)),
        fp.PartialResponse(text="Finished: a painting.", is_replace_response=True),
    )


class Jsonic(_Bot):
    replies = tuple(
        ServerSentEvent(event="json", data=json.dumps({"choices": [{"index": 0, "delta": delta}]}))
        for delta in ({"role": "assistant", "content": ""}, {"content": "from "}, {"content": "json"})
    )


class NativeEcho(Echo):
    """Echo, but the list says that it has tools."""


class Caller(fp.PoeBot):
    """Has no native tools but follows the prompt: calls as in its example, then repeats the results."""

    invented = ""

    async def get_response(self, request: fp.QueryRequest) -> AsyncIterable[object]:
        results = re.findall(r"<tool_result.*?>\n(.*?)\n</tool_result>", request.query[-1].content, re.DOTALL)
        example = re.search(r"<tool_call>.*?</tool_call>", request.query[0].content, re.DOTALL)
        if results:
            yield fp.PartialResponse(text=f"The tool says: {', '.join(results)}")
        elif example and self.is_willing(request):
            text = f"Let me see.\n\n{example[0]}{self.invented}"
            for start in range(0, len(text), 7):
                yield fp.PartialResponse(text=text[start : start + 7])
        else:
            yield fp.PartialResponse(text="I only talk.")

    def is_willing(self, request: fp.QueryRequest) -> bool:
        return True


class Inventor(Caller):
    """Goes on after its call, and invents a result."""

    invented = "\n<tool_result>\nrain\n</tool_result>\nIt rains. " + "And rains. " * 50


class Reluctant(Caller):
    """Makes a call only when asked a second time. Thinks both times."""

    async def get_response(self, request: fp.QueryRequest) -> AsyncIterable[object]:
        yield fp.PartialResponse(text="*Thinking...*\n\n> Shall I?\n\n")
        async for reply in super().get_response(request):
            yield reply

    def is_willing(self, request: fp.QueryRequest) -> bool:
        return request.query[-1].content.startswith("You have not called")


class Reciter(fp.PoeBot):
    """Answers with what the user's last message asks for between two lines of ``====``, to the letter.

    When asked again, it goes on with the text between the next two. Thinks first.
    """

    async def get_response(self, request: fp.QueryRequest) -> AsyncIterable[object]:
        asked = [message.content for message in request.query if message.role == "user"]
        _, *answers, _ = asked[0].split("\n====\n")
        yield fp.PartialResponse(text="*Thinking...*\n\n> Hm.\n\n")
        answer = answers[min(len(asked), len(answers)) - 1]
        for start in range(0, len(answer), 7):
            yield fp.PartialResponse(text=answer[start : start + 7])


class JsonArtist(_Bot):
    """Revises its JSON, and appends a file to it."""

    replies = (
        fp.PartialResponse(text='{"name": "dra', is_replace_response=True),
        fp.PartialResponse(text='{"name": "cat"}', is_replace_response=True),
        fp.PartialResponse(
            text="",
            attachment=fp.Attachment(
                url="https://pfst.cf2.poecdn.net/base/image/cat", content_type="image/png", name="cat.png"
            ),
        ),
    )


class NativeCaller(fp.PoeBot):
    """Calls its tools in ``json`` events, two at once, whether or not any were offered."""

    async def get_response(self, request: fp.QueryRequest) -> AsyncIterable[object]:
        if request.tool_results:
            calls = [f"{call.function.name}({call.function.arguments})" for call in request.tool_calls]
            results = [result.content for result in request.tool_results]
            yield fp.PartialResponse(text=f"{calls} {results}")
            return
        yield _chunk({"content": "Let me see."})
        for index, pieces in enumerate((('{"city":', ' "Ürümqi"}'), ("{}",))):
            name = ("get_weather", "now")[index]
            start = {"index": index, "id": f"call_native_{index}", "type": "function"}
            yield _chunk({"tool_calls": [start | {"function": {"name": name, "arguments": ""}}]})
            for piece in pieces:
                yield _chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
        yield _chunk({}, "tool_calls")


def _chunk(delta: dict[str, object], finish_reason: str | None = None) -> ServerSentEvent:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return ServerSentEvent(event="json", data=json.dumps({"choices": [choice]}))


class Broke(_Bot):
    replies = (
        fp.ErrorResponse(
            text="This bot needs more points to answer your request.",
            allow_retry=False,
            error_type="insufficient_fund",
        ),
    )


class TooLong(_Bot):
    replies = (fp.ErrorResponse(text="Too long.", error_type="user_message_too_long"),)


class Limited(_Bot):
    replies = (fp.ErrorResponse(text="rate limit"),)


class Halfway(_Bot):
    replies = ("Half an ", fp.ErrorResponse(text="Internal server error"))


class Crashing(fp.PoeBot):
    async def get_response(self, request: fp.QueryRequest) -> AsyncIterable[object]:
        yield fp.PartialResponse(text="Before ")
        raise RuntimeError("a bug in the bot")


class Slow(fp.PoeBot):
    """Says one word and then nothing; ``ended`` is set when its query ends."""

    def __init__(self, path: str) -> None:
        super().__init__(path=path)
        self.ended = threading.Event()

    async def get_response(self, request: fp.QueryRequest) -> AsyncIterable[object]:
        self.ended.clear()
        try:
            yield fp.PartialResponse(text="word")
            await asyncio.sleep(60)
        finally:
            self.ended.set()


class PoeServer(Served):
    """All these bots and the list of models, on a free port of the loopback."""

    LOCKED_KEY = "x" * 32

    def __init__(self) -> None:
        self.slow = Slow("/bot/slow")
        plain = (
            *(Echo, Counter, Thinker, Artist, Progress, Jsonic, Broke, TooLong, Limited, Halfway, Crashing),
            *(NativeEcho, Caller, Inventor, Reluctant, Reciter, JsonArtist, NativeCaller),
        )
        bots = [kind(path=f"/bot/{kind.__name__}") for kind in plain]
        locked = Counter(path="/bot/locked", access_key=self.LOCKED_KEY)
        app = FastAPI()
        app.get("/v1/models")(_list_models)
        fp.make_app([*bots, self.slow, locked], allow_without_key=True, app=app)
        super().__init__(app)


def _list_models() -> dict[str, object]:
    return {"object": "list", "data": MODELS}
