"""Responses with real bots, through the openai package and on the wire."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from typing import Any

import httpx
import openai
import pytest
from pydantic import BaseModel

from tests.conftest import StartGateway
from tests.gateway import KEY, WORDS, Gateway, authorization
from tests.response_types import checked, events_of, output_text, text_of
from tests.upstream import scripted
from tests.upstream.bots import PoeServer
from tests.upstream.scripted import LIMIT, ScriptedUpstream
from tests.upstream.uploads import UploadServer

COUNTED = "one two three 四 \U0001f680"
WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "Tells the weather.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city", "days"],
    },
    "strict": False,
}
NOW: Any = {"type": "function", "name": "now"}
NOTE: Any = {"type": "custom", "name": "note", "description": "Takes a note."}
ARGUMENTS = {"city": "some text", "days": 1}
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(40)


@pytest.fixture
def client(poe_gateway: Gateway):
    with openai.OpenAI(api_key=KEY, base_url=f"{poe_gateway.url}/v1", timeout=LIMIT, max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def native_gateway(poe: PoeServer, start_shared_gateway: StartGateway) -> Gateway:
    """A gateway that knows Poe's list, and thus which bots have tools."""
    gateway = start_shared_gateway(poe.url, WEB_CONCURRENCY="1")
    assert gateway.http.get("/v1/models").status_code == 200
    return gateway


def ask(gateway: Gateway, bot: str, given: object = WORDS, **fields: Any) -> httpx.Response:
    body = {"model": bot, "input": given} | fields
    return gateway.http.post("/v1/responses", json=body, headers=authorization())


def whole(gateway: Gateway, bot: str, given: object = WORDS, **fields: Any) -> dict[str, Any]:
    response = ask(gateway, bot, given, **fields)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    answered: dict[str, Any] = response.json()
    checked(answered)
    return answered


def streamed(gateway: Gateway, bot: str, given: object = WORDS, **fields: Any) -> dict[str, Any]:
    """The final response of a stream, whose events are checked."""
    response = ask(gateway, bot, given, stream=True, **fields)
    assert response.status_code == 200, response.text
    answered: dict[str, Any] = events_of(response.content)[-1]["response"]
    return answered


WAYS = pytest.mark.parametrize("answer", [whole, streamed])


@WAYS
def test_an_answer_has_openais_shape(poe_gateway: Gateway, answer: Any) -> None:
    response = answer(poe_gateway, "Counter")
    assert (response["object"], response["model"], response["status"]) == ("response", "Counter", "completed")
    assert output_text(response) == COUNTED
    assert [item["type"] for item in response["output"]] == ["message"]
    usage = response["usage"]
    assert usage["input_tokens"] > 0
    assert 0 < usage["output_tokens"] == usage["total_tokens"] - usage["input_tokens"]
    assert usage["output_tokens_details"] == {"reasoning_tokens": 0}


@pytest.mark.parametrize(
    ("bot", "said"),
    [
        ("Thinker", ["**Planning**\n\nI look twice.\n> quoted", "The answer."]),
        ("Artist", ["Here: ![a cat](https://pfst.cf2.poecdn.net/base/image/cat)."]),
        ("Progress", ["Finished: a painting."]),
        ("Jsonic", ["from json"]),
    ],
)
def test_real_bots_answers_are_the_same_whole_and_streamed(
    poe_gateway: Gateway, bot: str, said: list[str]
) -> None:
    answers = [answer(poe_gateway, bot) for answer in (whole, streamed)]
    for answer in answers:
        assert [text_of(item) for item in answer["output"]] == said
        assert bool(answer["usage"]["output_tokens_details"]["reasoning_tokens"]) == (len(said) > 1)
    assert answers[0]["usage"] == answers[1]["usage"]


def test_a_streams_headers_keep_proxies_from_holding_it(poe_gateway: Gateway) -> None:
    headers = ask(poe_gateway, "Counter", stream=True).headers
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert headers["x-accel-buffering"] == "no"
    assert headers["x-request-id"]


@pytest.mark.parametrize("path", ["/responses", "/v1/responses/", "/v1//responses"])
def test_the_path_may_be_written_otherwise(poe_gateway: Gateway, path: str) -> None:
    body = {"model": "Counter", "input": "hi"}
    assert output_text(poe_gateway.http.post(path, json=body, headers=authorization()).json()) == COUNTED


def test_a_stream_has_heartbeats_between_its_events(
    beating_gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    go_on = threading.Event()
    bot = upstream.bot(
        scripted.begin(scripted.text("Half"), go_on, scripted.text(" and half"), scripted.DONE)
    )
    body = json.dumps({"model": bot.name, "input": "hi", "stream": True}).encode()
    with beating_gateway.connect() as connection:
        connection.request("POST", "/v1/responses", body)
        assert connection.read_head().status == 200
        written = connection.read_until(b": ping\n\n")
        go_on.set()
        written += connection.read_rest()
    assert output_text(events_of(written)[-1]["response"]) == "Half and half"


# The openai package.


def test_openai_creates(client: openai.OpenAI) -> None:
    response = client.responses.create(model="Counter", input="hello", instructions="Be brief.")
    assert response.output_text == COUNTED
    assert response.usage.output_tokens > 0


def test_openai_streams(client: openai.OpenAI) -> None:
    events = list(client.responses.create(model="Thinker", input="hello", stream=True))
    said = {kind: "".join(event.delta for event in events if event.type == kind) for kind in (TEXT, THOUGHT)}
    assert said == {TEXT: "The answer.", THOUGHT: "**Planning**\n\nI look twice.\n> quoted"}
    assert events[-1].type == "response.completed"
    assert events[-1].response.output_text == "The answer."


TEXT, THOUGHT = "response.output_text.delta", "response.reasoning_summary_text.delta"


def test_openais_stream_helper_understands_every_event(client: openai.OpenAI) -> None:
    with client.responses.stream(model="Thinker", input="hello") as stream:
        snapshots = [event.snapshot for event in stream if event.type == TEXT]
        response = stream.get_final_response()
    assert snapshots[-1] == response.output_text == "The answer."


class Person(BaseModel):
    name: str
    age: int


GOOD = '{"name": "Ada", "age": 36}'


def reciting(*answers: str) -> str:
    return "\n====\n".join(["Say", *answers, ""])


def test_openai_parses(client: openai.OpenAI) -> None:
    said = reciting(f"Sure:\n```json\n{GOOD}\n```\nAnything else?")
    response = client.responses.parse(model="Reciter", input=said, text_format=Person)
    assert response.output_parsed == Person(name="Ada", age=36)
    with client.responses.stream(model="Reciter", input=said, text_format=Person) as stream:
        assert stream.get_final_response().output_parsed == Person(name="Ada", age=36)


def test_openai_works_asynchronously(poe_gateway: Gateway) -> None:
    async def respond() -> list[str]:
        async with openai.AsyncOpenAI(api_key=KEY, base_url=f"{poe_gateway.url}/v1") as client:
            create = client.responses.create
            answered, stream = await asyncio.gather(
                create(model="Counter", input="hello"), create(model="Counter", input="hello", stream=True)
            )
            parts = [event.delta async for event in stream if event.type == TEXT]
            async with client.responses.stream(model="Counter", input="hello") as helped:
                final = await helped.get_final_response()
            return [answered.output_text, "".join(parts), final.output_text]

    assert asyncio.run(respond()) == [COUNTED] * 3


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("bot", "kind", "status", "code"),
    [
        ("locked", openai.AuthenticationError, 401, "invalid_api_key"),
        ("Broke", openai.APIStatusError, 402, "insufficient_quota"),
        ("no-such-bot", openai.NotFoundError, 404, "model_not_found"),
        ("TooLong", openai.BadRequestError, 400, "context_length_exceeded"),
        ("Limited", openai.RateLimitError, 429, "rate_limit_exceeded"),
    ],
)
def test_openai_raises_the_right_error(
    client: openai.OpenAI, bot: str, kind: type[openai.APIStatusError], status: int, code: str, stream: bool
) -> None:
    with pytest.raises(kind) as raised:
        client.responses.create(model=bot, input="hello", stream=stream)
    assert (raised.value.status_code, raised.value.code) == (status, code)


@pytest.mark.parametrize("bot", ["Halfway", "Crashing"])
def test_a_failure_in_mid_stream_raises_what_the_bot_said(client: openai.OpenAI, bot: str) -> None:
    said = {"Halfway": "Internal server error", "Crashing": "The bot encountered an unexpected issue."}
    with pytest.raises(openai.APIError, match=said[bot]):
        list(client.responses.create(model=bot, input="hello", stream=True))
    with (
        pytest.raises(openai.APIError, match=said[bot]),
        client.responses.stream(model=bot, input="hello") as stream,
    ):
        stream.get_final_response()


def test_a_failure_in_mid_stream_is_told_in_both_ways(poe_gateway: Gateway) -> None:
    response = streamed(poe_gateway, "Halfway")
    assert (response["status"], response["error"]["code"]) == ("failed", "server_error")
    assert output_text(response) == "Half an "


def test_openai_leaving_a_stream_ends_the_bots_query(client: openai.OpenAI, poe: PoeServer) -> None:
    stream = client.responses.create(model="slow", input="hello", stream=True)
    next(event for event in stream if event.type == TEXT)
    stream.close()
    assert poe.slow.ended.wait(LIMIT)


# What reaches the bot.


def test_a_real_server_accepts_what_is_sent(poe_gateway: Gateway) -> None:
    received = json.loads(
        output_text(
            whole(
                poe_gateway,
                "Echo",
                [
                    {"role": "developer", "content": "D"},
                    {"role": "user", "content": [{"type": "input_text", "text": "U"}]},
                    {"type": "reasoning", "id": "rs_1", "summary": []},
                    {
                        "type": "message",
                        "role": "assistant",
                        "content": [{"type": "output_text", "text": "A"}],
                    },
                    {"type": "function_call", "call_id": "c", "name": "now", "arguments": "{}"},
                    {"type": "function_call_output", "call_id": "c", "output": "noon"},
                    {"role": "user", "content": "last"},
                ],
                instructions="I",
                temperature=0.5,
                reasoning={"effort": "high", "summary": "auto"},
                text={"verbosity": "low"},
                include=["reasoning.encrypted_content"],
                client_metadata={"a": "b"},
                store=False,
                thinking_budget=1024,
            )
        )
    )
    called = 'A\n\n<tool_call>\n<invoke name="now">\n</invoke>\n</tool_call>'
    assert [(each["role"], each["content"]) for each in received["query"]] == [
        ("system", "I"),
        ("system", "D"),
        ("user", "U"),
        ("bot", called),
        ("user", '<tool_result name="now" id="c">\nnoon\n</tool_result>'),
        ("user", "last"),
    ]
    parameters = {"reasoning_effort": "high", "verbosity": "low", "thinking_budget": 1024}
    assert received["query"][-1]["parameters"] == parameters
    assert received["temperature"] == 0.5


def test_images_and_files_reach_the_bot(poe: PoeServer, start_gateway: StartGateway) -> None:
    uploads = UploadServer()
    gateway = start_gateway(poe.url, POE_FILE_UPLOAD_URL=uploads.url)
    url = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    image = {"type": "input_image", "image_url": url, "detail": "auto"}
    file = {"type": "input_file", "file_data": "data:text/plain,notes", "filename": "notes.txt"}
    call = {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"}
    seen = {"type": "function_call_output", "call_id": "c", "output": [image]}
    for given, names in (
        ([{"role": "user", "content": [image, file]}], ["image.png", "notes.txt"]),
        ([{"role": "user", "content": "Look."}, call, seen], ["image.png"]),
    ):
        received = json.loads(output_text(whole(gateway, "Echo", given)))
        attached = [each["name"] for message in received["query"] for each in message.get("attachments", ())]
        assert attached == names
    uploads.stop()


def test_what_cannot_be_attached_is_named_by_its_path(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    bot = upstream.bot(scripted.answer(scripted.DONE))
    image = {"type": "input_image", "image_url": "data:image/png;base64,!"}
    error = ask(gateway, bot.name, [{"role": "user", "content": [image]}]).json()["error"]
    assert (error["param"], error["code"]) == ("input[0].content[0]", "invalid_attachment")
    assert not bot.queries


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"input": [{"role": "user", "content": 5}]}, "input[0].content"),
        ({"background": True}, "background"),
    ],
)
def test_what_is_wrong_is_a_400_before_anything_is_asked(
    gateway: Gateway, upstream: ScriptedUpstream, fields: dict[str, Any], param: str
) -> None:
    bot = upstream.bot(scripted.answer(scripted.DONE))
    response = ask(gateway, bot.name, **fields)
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)
    assert not bot.queries


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/responses/resp_1"),
        ("DELETE", "/v1/responses/resp_1"),
        ("POST", "/v1/responses/resp_1/cancel"),
        ("GET", "/responses/resp_1/input_items"),
    ],
)
def test_who_asks_for_a_stored_response_is_told_that_there_is_none(
    gateway: Gateway, method: str, path: str
) -> None:
    response = gateway.http.request(method, path, headers=authorization())
    assert response.status_code == 404
    assert "nothing is stored" in response.json()["error"]["message"]


# Limits.


@WAYS
def test_max_output_tokens_makes_an_answer_incomplete(
    gateway: Gateway, upstream: ScriptedUpstream, answer: Any
) -> None:
    bot = upstream.bot(scripted.begin(scripted.text("one two three four five"), scripted.until_closed))
    response = answer(gateway, bot.name, max_output_tokens=2)
    assert (response["status"], response["incomplete_details"]) == (
        "incomplete",
        {"reason": "max_output_tokens"},
    )
    assert output_text(response) == "one two"
    assert response["output"][-1]["status"] == "incomplete"
    bot.query.wait_closed()


@WAYS
def test_an_answer_that_begins_anew(gateway: Gateway, upstream: ScriptedUpstream, answer: Any) -> None:
    said = [scripted.text("A long draft that is surely let go. " * 200), scripted.replace("Final.")]
    bot = upstream.bot(scripted.answer(*said, scripted.DONE))
    assert output_text(answer(gateway, bot.name)).endswith("Final.")
    assert answer(gateway, bot.name)["output"][-1]["content"][0]["text"] == "Final."


# Structured output.


@WAYS
def test_json_leaves_alone(poe_gateway: Gateway, answer: Any) -> None:
    form = {"type": "json_schema", "name": "person", "schema": Person.model_json_schema(), "strict": True}
    response = answer(poe_gateway, "Reciter", reciting("Oh.", f"Here: {GOOD}."), text={"format": form})
    assert [text_of(item) for item in response["output"]] == ["Hm.\n\nHm.", GOOD]
    assert response["text"]["format"]["name"] == "person"


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_names_fields_as_they_are_called_here(poe_gateway: Gateway, stream: bool) -> None:
    form = {"type": "json_object"}
    failed = ask(poe_gateway, "Reciter", reciting("[1]", "[2]"), text={"format": form}, stream=stream)
    error = failed.json()["error"] if not stream else events_of(failed.content)[-2]
    assert (error["code"], error["param"]) == ("structured_output_failed", "text.format")
    refused = ask(poe_gateway, "TooLong", stream=stream).json()["error"]
    assert (refused["code"], refused["param"]) == ("context_length_exceeded", "input")


# Tools.


def calls_in(response: dict[str, Any]) -> list[tuple[str, Any]]:
    calls = [item for item in response["output"] if item["type"] == "function_call"]
    assert response["status"] == "completed"
    return [(call["name"], json.loads(call["arguments"])) for call in calls]


@WAYS
def test_a_bot_without_tools_calls_one(poe_gateway: Gateway, answer: Any) -> None:
    response = answer(poe_gateway, "Caller", tools=[{"type": "web_search"}, WEATHER])
    assert calls_in(response) == [("get_weather", ARGUMENTS)]
    assert [item["type"] for item in response["output"]] == ["message", "function_call"]
    assert output_text(response) == "Let me see."


@pytest.mark.parametrize("stream", [False, True])
def test_a_whole_round_trip_with_openai(client: openai.OpenAI, stream: bool) -> None:
    def say(given: list[Any]) -> Any:
        if not stream:
            return client.responses.create(model="Caller", input=given, tools=[WEATHER])
        with client.responses.stream(model="Caller", input=given, tools=[WEATHER]) as helped:
            return helped.get_final_response()

    question = {"role": "user", "content": "Will it rain?"}
    first = say([question])
    call = first.output[-1]
    assert (call.type, json.loads(call.arguments)) == ("function_call", ARGUMENTS)
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    second = say([question, *(item.model_dump(exclude_none=True) for item in first.output), result])
    assert second.output_text == "The tool says: sunny"


@WAYS
def test_native_calls_are_items_as_they_came(native_gateway: Gateway, answer: Any) -> None:
    response = answer(native_gateway, "NativeCaller", tools=[WEATHER, NOW])
    assert calls_in(response) == [("get_weather", {"city": "Ürümqi"}), ("now", {})]
    called = [item for item in response["output"] if item["type"] == "function_call"]
    assert [call["call_id"] for call in called] == ["call_native_0", "call_native_1"]
    results = [
        {"type": "function_call_output", "call_id": call["call_id"], "output": f"result {index}"}
        for index, call in enumerate(called)
    ]
    given = [{"role": "user", "content": "Rain?"}, *response["output"], *results]
    second = answer(native_gateway, "NativeCaller", given, tools=[WEATHER, NOW])
    assert output_text(second) == (
        "['get_weather({\"city\": \"Ürümqi\"})', 'now({})'] ['result 0', 'result 1']"
    )


@WAYS
def test_a_custom_tool_is_called_with_text(gateway: Gateway, upstream: ScriptedUpstream, answer: Any) -> None:
    patch = '*** Begin Patch\n+ a < b && "c"\n*** End Patch'
    said = (
        '<tool_call>\n<invoke name="note">\n'
        f'<parameter name="input">{patch}</parameter>\n</invoke>\n</tool_call>'
    )
    bot = upstream.bot(scripted.answer(scripted.text(said), scripted.DONE))
    (call,) = answer(gateway, bot.name, tools=[NOTE])["output"]
    assert (call["type"], call["name"], call["input"]) == ("custom_tool_call", "note", patch)
    result = {"type": "custom_tool_call_output", "call_id": call["call_id"], "output": "noted"}
    answer(gateway, bot.name, [{"role": "user", "content": "Note it."}, call, result], tools=[NOTE])
    _, _, written, told = bot.queries[-1].json["query"]
    assert said in written["content"]
    assert told["content"] == f'<tool_result name="note" id="{call["call_id"]}">\nnoted\n</tool_result>'


@WAYS
def test_a_tool_of_a_namespace_is_called_by_its_names(
    gateway: Gateway, upstream: ScriptedUpstream, answer: Any
) -> None:
    said = '<tool_call>\n<invoke name="mcp__docs__search">\n</invoke>\n</tool_call>'
    space = {
        "type": "namespace",
        "name": "mcp__docs__",
        "description": "Docs.",
        "tools": [NOW | {"name": "search"}],
    }
    bot = upstream.bot(scripted.answer(scripted.text(said), scripted.DONE))
    (call,) = answer(gateway, bot.name, tools=[space])["output"]
    assert (call["name"], call["namespace"], call["arguments"]) == ("search", "mcp__docs__", "{}")
    given = [{"role": "user", "content": "Search."}, call]
    answer(gateway, bot.name, given, tools=[space])
    assert said in bot.queries[-1].json["query"][-1]["content"]


@WAYS
def test_a_required_call_is_asked_for_once_more(poe_gateway: Gateway, answer: Any) -> None:
    response = answer(poe_gateway, "Reluctant", tools=[WEATHER], tool_choice="required")
    assert calls_in(response) == [("get_weather", ARGUMENTS)]


def test_the_log_and_the_metrics_name_the_dialect(poe_gateway: Gateway) -> None:
    whole(poe_gateway, "Counter")
    counted = poe_gateway.http.get("/metrics", auth=("admin", "secret")).text
    assert 'dialect="responses"' in counted


def test_the_api_is_among_those_that_are_told_of(gateway: Gateway) -> None:
    assert "/v1/responses" in gateway.http.get("/").json()["endpoints"]
