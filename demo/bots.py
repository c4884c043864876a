"""The bots: what Poe's bots do, good and bad, with ``fastapi_poe``; and the list of models."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import AsyncIterable, Mapping, Sequence
from itertools import takewhile
from typing import ClassVar

import fastapi_poe as fp
from fastapi import FastAPI, Request, Response
from sse_starlette import ServerSentEvent

from demo import picture, tools, uploads, values

PAUSE_SECONDS = 0.1  # between the pieces of an answer, so that streaming can be seen
SLOW_SECONDS = 5.0
_CREATED = 1767225600  # 2026-01-01, in seconds


class DemoBot(fp.PoeBot):
    """A bot with an entry in the list; ``about`` describes it."""

    about: ClassVar[str]
    owner: ClassVar[str] = "Demo"
    is_private: ClassVar[bool] = False
    input_modalities: ClassVar[Sequence[str]] = ("text",)
    output_modalities: ClassVar[Sequence[str]] = ("text",)
    context_length: ClassVar[int] = 128_000
    max_output_tokens: ClassVar[int] = 8_192
    bot_parameters: ClassVar[Sequence[str]] = ()
    features: ClassVar[Sequence[str]] = ()

    @property
    def name(self) -> str:
        """As in ``/bot/NAME``."""
        return type(self).__name__

    def listed(self, created: int) -> dict[str, object]:
        """The bot's entry in the list; ``created`` in seconds, in the list in milliseconds as Poe has it."""
        modalities = "->".join("+".join(each) for each in (self.input_modalities, self.output_modalities))
        return {
            "id": self.name,
            "object": "model",
            "created": created * 1000,
            "owned_by": self.owner,
            "description": self.about,
            "architecture": {
                "input_modalities": list(self.input_modalities),
                "output_modalities": list(self.output_modalities),
                "modality": modalities,
            },
            "pricing": {"prompt": "0.0000026", "completion": "0.000013", "image": None, "request": None},
            "context_window": {
                "context_length": self.context_length,
                "max_output_tokens": self.max_output_tokens,
            },
            "parameters": [{"name": name, "schema": {}} for name in self.bot_parameters],
            "supported_features": list(self.features),
        }


class Echo(DemoBot):
    """Repeats the message."""

    about = "says your last message again, word by word"

    async def get_response(self, request: fp.QueryRequest) -> AsyncIterable[fp.PartialResponse]:
        for word in request.query[-1].content.split(" "):
            yield fp.PartialResponse(text=f"{word} ")
            await asyncio.sleep(PAUSE_SECONDS)


class Mirror(DemoBot):
    """Shows the query as the gateway sent it."""

    about = "shows what reached it: messages, attachments, parameters"
    input_modalities = ("text", "image", "audio", "video")
    bot_parameters = ("thinking_budget", "aspect", "web_search")

    async def get_response_with_context(
        self, request: fp.QueryRequest, context: fp.RequestContext
    ) -> AsyncIterable[fp.PartialResponse]:
        query = dict(await context.http_request.json())
        query.pop("http_request", None)  # fastapi_poe's own addition
        yield fp.PartialResponse(text="```json\n" + json.dumps(query, ensure_ascii=False, indent=2) + "\n```")


class Viewer(DemoBot):
    """Fetches attachments, and describes them."""

    about = "says what images and files it received"
    input_modalities = ("text", "image", "audio", "video")

    async def get_response_with_context(
        self, request: fp.QueryRequest, context: fp.RequestContext
    ) -> AsyncIterable[fp.PartialResponse]:
        files: uploads.Files = context.http_request.app.state.files
        attachments = [each for message in request.query for each in message.attachments]
        yield fp.PartialResponse(text=f"I see {len(attachments)} attachment(s).\n")
        for attachment in attachments:
            size = files.size(attachment.url)
            known = "elsewhere" if size is None else f"{size:,} bytes"
            yield fp.PartialResponse(text=f"- {attachment.name}, {attachment.content_type}, {known}\n")
            await asyncio.sleep(PAUSE_SECONDS)


class Thinker(DemoBot):
    """Thinks like Poe's reasoning bots: in a quote above its answer."""

    about = "thinks first; the gateway gives its thinking apart, as reasoning_content"
    context_length = 200_000
    max_output_tokens = 64_000
    bot_parameters = ("thinking_budget",)

    async def get_response(self, request: fp.QueryRequest) -> AsyncIterable[fp.PartialResponse]:
        for piece in (
            *("*Thinking...*\n\n", "> **Reading the question**\n> \n", "> It has ", "a few words.\n"),
            *("> \n> **Weighing it**\n> \n", "> Six times seven, ", "most likely.\n\n"),
            *("The answer ", "is ", "42."),
        ):
            yield fp.PartialResponse(text=piece)
            await asyncio.sleep(PAUSE_SECONDS)


class Artist(DemoBot):
    """Sends a file, and refers to it in its text."""

    about = "paints: a file of its own, which the answer links to"
    output_modalities = ("image",)
    bot_parameters = ("aspect", "quality")

    async def get_response_with_context(
        self, request: fp.QueryRequest, context: fp.RequestContext
    ) -> AsyncIterable[fp.PartialResponse]:
        yield fp.PartialResponse(text="Here it is: ![sunset][sunset1]")
        await asyncio.sleep(PAUSE_SECONDS)
        yield fp.PartialResponse(text="", attachment=_picture(context, inline_ref="sunset1"))


class Progress(DemoBot):
    """Replaces its text while it works, as media bots do."""

    about = "counts while it works and takes the count back; the gateway shows only the result"
    output_modalities = ("image",)

    async def get_response_with_context(
        self, request: fp.QueryRequest, context: fp.RequestContext
    ) -> AsyncIterable[fp.PartialResponse]:
        for second in range(1, 6):
            text = f"Generating image ({second}s elapsed)"
            yield fp.PartialResponse(text=text, is_replace_response=True)
            await asyncio.sleep(PAUSE_SECONDS)
        yield fp.PartialResponse(text="A sunset, finished.", is_replace_response=True)
        yield fp.PartialResponse(text="", attachment=_picture(context))


class ToolUser(DemoBot):
    """Has no native tools: reads about them in the system message, and writes calls as instructed there."""

    about = "calls one of your tools, and says what it brought"

    async def get_response(self, request: fp.QueryRequest) -> AsyncIterable[fp.PartialResponse]:
        for piece in re.split(r"(?<=[ \n])", self._answer(request.query)):
            yield fp.PartialResponse(text=piece)
            await asyncio.sleep(PAUSE_SECONDS / 4)

    def _answer(self, query: Sequence[fp.ProtocolMessage]) -> str:
        system, last = _system(query), query[-1].content
        offered, results = tools.told(system), tools.results(last)
        if results and "you must call" not in system:
            return f"The tool says: {', '.join(results)}"
        if not offered:
            return "No tool reached me, so I can only talk."
        tool = tools.chosen(offered, [each.content for each in query if each.role == "bot"])
        question = ", ".join(results) or last
        return f"Let me see.\n\n{tools.notation(tool, tools.arguments(tool, question))}"


class NativeToolUser(DemoBot):
    """Calls an offered tool natively, then repeats its result."""

    about = "does the same natively, as Poe's few bots with tools do"
    features = ("tools",)

    async def get_response(
        self, request: fp.QueryRequest
    ) -> AsyncIterable[fp.PartialResponse | ServerSentEvent]:
        query = request.query
        results = [each.content for each in request.tool_results or ()] or tools.results(query[-1].content)
        if results:
            yield fp.PartialResponse(text=f"The tool says: {', '.join(results)}")
        elif offered := _offered(request) or tools.told(_system(query)):
            tool = tools.chosen(offered, [each.content for each in query if each.role == "bot"])
            for delta in _call(tool.name, json.dumps(tools.arguments(tool, query[-1].content))):
                yield ServerSentEvent(event="json", data=json.dumps({"choices": [{"index": 0} | delta]}))
                await asyncio.sleep(PAUSE_SECONDS / 4)
        else:
            yield fp.PartialResponse(text="No tool reached me, so I can only talk.")


class JsonWriter(DemoBot):
    """Answers with JSON that fits the schema in the system message, but in a fence and with comments."""

    about = "answers with JSON that fits your response_format, and talks; the gateway gives the JSON alone"

    async def get_response(self, request: fp.QueryRequest) -> AsyncIterable[fp.PartialResponse]:
        if "# Answer format" not in _system(request.query):
            yield fp.PartialResponse(text="No format reached me, so I can only talk.")
            return
        yield fp.PartialResponse(text="Sure, here it is:\n\n```json\n")
        written = json.dumps(self.written(request), ensure_ascii=False, indent=2)
        for line in written.splitlines(keepends=True):
            yield fp.PartialResponse(text=line)
            await asyncio.sleep(PAUSE_SECONDS)
        yield fp.PartialResponse(text="\n```\n\nAnything else?")

    def written(self, request: fp.QueryRequest) -> object:
        """JSON that fits the schema in the system message, if there is one."""
        told = re.search(r"JSON Schema:\n\n(.*)", _system(request.query))
        if told is None:
            return {"question": request.query[-1].content}
        return values.fitting(json.loads(told[1]), "demo")


class CarelessWriter(JsonWriter):
    """Does so only after it was told what was wrong."""

    about = "does so only when it is asked again; first it answers what does not fit"

    def written(self, request: fp.QueryRequest) -> object:
        is_asked_again = request.query[-1].content.startswith("Your answer is not accepted.")
        return super().written(request) if is_asked_again else ["not", "what", "you", "want"]


class Slow(DemoBot):
    """Falls silent in the middle of its answer."""

    about = f"is silent for {SLOW_SECONDS:g} seconds in the middle; streams carry heartbeats meanwhile"

    async def get_response(self, request: fp.QueryRequest) -> AsyncIterable[fp.PartialResponse]:
        yield fp.PartialResponse(text="Wait ... ")
        await asyncio.sleep(SLOW_SECONDS)
        yield fp.PartialResponse(text="done.")


class Private(DemoBot):
    """Answers, but is not listed, like bots that only their owner sees."""

    about = "is not in the list of models, but answers"
    is_private = True

    async def get_response(self, request: fp.QueryRequest) -> AsyncIterable[fp.PartialResponse]:
        yield fp.PartialResponse(text="Only those who know my name find me.")


class NoPoints(DemoBot):
    """Fails like Poe when the points have run out."""

    about = "fails: needs more points (402)"

    async def get_response(self, request: fp.QueryRequest) -> AsyncIterable[fp.PartialResponse]:
        yield fp.ErrorResponse(
            text="This bot needs more points to answer your request.",
            allow_retry=False,
            error_type="insufficient_fund",
        )


class TooLong(DemoBot):
    """Fails like a bot whose context is full."""

    about = "fails: the message is too long (400)"

    async def get_response(self, request: fp.QueryRequest) -> AsyncIterable[fp.PartialResponse]:
        yield fp.ErrorResponse(
            text="Your message is too long.", allow_retry=False, error_type="user_message_too_long"
        )


class RateLimited(DemoBot):
    """Fails like Poe when it is asked too often."""

    about = "fails: asked too often (429)"

    async def get_response(self, request: fp.QueryRequest) -> AsyncIterable[fp.PartialResponse]:
        yield fp.ErrorResponse(text="rate limit", allow_retry=False)


class Crashing(DemoBot):
    """Fails after the answer has begun."""

    about = "fails: breaks off in the middle of its answer"

    async def get_response(self, request: fp.QueryRequest) -> AsyncIterable[fp.PartialResponse]:
        yield fp.PartialResponse(text="Half an ans")
        await asyncio.sleep(PAUSE_SECONDS)
        yield fp.ErrorResponse(text="Internal server error", allow_retry=False)


BOTS: tuple[type[DemoBot], ...] = (
    *(Echo, Mirror, Viewer, Thinker, Artist, Progress, ToolUser, NativeToolUser),
    *(JsonWriter, CarelessWriter, Slow, Private),
    *(NoPoints, TooLong, RateLimited, Crashing),
)


def create_poe(kinds: Sequence[type[DemoBot]] = BOTS, others: Sequence[Mapping[str, object]] = ()) -> FastAPI:
    """An application in Poe's place: the bots, the list of models, the picture and the uploads.

    ``others`` are more entries for the list, of bots that do not exist here.
    """
    app = FastAPI()
    bots = [kind(path=f"/bot/{kind.__name__}") for kind in kinds]
    listed = [bot.listed(_CREATED + number) for number, bot in enumerate(bots) if not bot.is_private]

    @app.get("/v1/models")
    def models() -> dict[str, object]:
        return {"object": "list", "data": [*listed, *others]}

    @app.get("/files/sunset.png")
    def sunset() -> Response:
        return Response(picture.sunset(), media_type="image/png")

    uploads.install(app)
    return fp.make_app(bots, allow_without_key=True, app=app)


def _picture(context: fp.RequestContext, inline_ref: str | None = None) -> fp.Attachment:
    request: Request = context.http_request
    url = str(request.url.replace(path="/files/sunset.png"))
    return fp.Attachment(url=url, content_type="image/png", name="sunset.png", inline_ref=inline_ref)


def _system(query: Sequence[fp.ProtocolMessage]) -> str:
    """All system messages, joined."""
    return "\n\n".join(each.content for each in takewhile(lambda each: each.role == "system", query))


def _offered(request: fp.QueryRequest) -> list[tools.Tool]:
    functions = [each.function for each in request.tools or ()]
    return [tools.Tool(each.name, each.parameters.model_dump()) for each in functions]


def _call(name: str, arguments: str) -> list[dict[str, object]]:
    """A native tool call: a beginning, arguments in two pieces, an end."""
    half = len(arguments) // 2
    begin = {"index": 0, "id": f"call_{secrets.token_hex(12)}", "type": "function"}
    calls: list[dict[str, object]] = [
        begin | {"function": {"name": name, "arguments": arguments[:half]}},
        {"index": 0, "function": {"arguments": arguments[half:]}},
    ]
    deltas: list[dict[str, object]] = [
        {"delta": {"tool_calls": [call]}, "finish_reason": None} for call in calls
    ]
    return [*deltas, {"delta": {}, "finish_reason": "tool_calls"}]
