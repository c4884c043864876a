"""Structured output: JSON that fits its schema, from real bots, raw and through the openai package."""

from __future__ import annotations

import json
import re
import threading
from typing import Any, Literal

import httpx
import openai
import pydantic
import pytest

from tests.gateway import KEY, Gateway, content_of, eventually, message_of
from tests.test_tools import ARGUMENTS, NOW, WEATHER, call_in
from tests.upstream import scripted
from tests.upstream.scripted import LIMIT, ScriptedUpstream

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
GOOD = '{"name": "Ümit",  "age": 3}'
BAD = '{"name": "Ümit", "age": "three"}'
NESTED = {"$ref": "#/$defs/n", "$defs": {"n": {"anyOf": [{"type": "null"}, {"items": {"$ref": "#"}}]}}}
OBJECT = {"type": "json_object"}
SCHEMA_PATH = "response_format.json_schema.schema"


def fitting(schema: Any, **more: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, **more}}


def reciting(*answers: str) -> str:
    """A message that makes the Reciter give these answers, one per round."""
    return "\n====\n".join(("Say:", *answers, "That is all."))


def recite(gateway: Gateway, *answers: str, **fields: Any) -> httpx.Response:
    fields = {"response_format": fitting(PERSON)} | fields
    return gateway.ask("Reciter", reciting(*answers), **fields)


@pytest.fixture
def client(poe_gateway: Gateway):
    with openai.OpenAI(api_key=KEY, base_url=f"{poe_gateway.url}/v1", timeout=LIMIT, max_retries=0) as client:
        yield client


@pytest.mark.parametrize(
    "said",
    [
        GOOD,
        f"  {GOOD}\n",
        f"```json\n{GOOD}\n```",
        f"```\n{GOOD}```",
        f"Sure! Here {{as asked}} it is [1]:\n\n```json\n{GOOD}\n```\n\nAnything else? {{}}",
        f'First {{"name": "x"}}, no: {GOOD} and not {{"name": "later", "age": 4}}',
        f'The schema has {{"name": ...}} in it.\n{GOOD}',
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_the_json_alone_leaves_as_it_was_written(poe_gateway: Gateway, said: str, stream: bool) -> None:
    fields = {"response_format": fitting(PERSON, strict=True)}
    if stream:
        events = poe_gateway.stream("Reciter", content=reciting(said), **fields)
        assert content_of(events) == GOOD
        assert events[-2]["choices"][0]["finish_reason"] == "stop"
    else:
        message = message_of(poe_gateway.ask("Reciter", reciting(said), **fields))
        assert (message["content"], message["reasoning_content"]) == (GOOD, "Hm.")


@pytest.mark.parametrize(
    ("schema", "said", "content"),
    [
        ({"type": "array", "items": {"type": "integer"}}, "Here: [1, 2]", "[1, 2]"),
        ({"type": "string"}, '```\n"a"\n```', '"a"'),
        ({"type": "number"}, " -1.50e1 ", "-1.50e1"),
        (True, "null", "null"),
        (NESTED, "[[null]]", "[[null]]"),
    ],
)
def test_any_json_may_be_asked_for(poe_gateway: Gateway, schema: Any, said: str, content: str) -> None:
    assert message_of(recite(poe_gateway, said, response_format=fitting(schema)))["content"] == content


@pytest.mark.parametrize("said", ["[1]", "none", '{"a": 1'])
def test_an_object_is_any_object(poe_gateway: Gateway, said: str) -> None:
    assert message_of(recite(poe_gateway, '{"any": []}', response_format=OBJECT))["content"] == '{"any": []}'
    response = recite(poe_gateway, said, response_format=OBJECT)
    assert (response.status_code, response.json()["error"]["code"]) == (502, "structured_output_failed")


def test_an_object_may_have_a_schema(poe_gateway: Gateway) -> None:
    wanted = OBJECT | {"schema": PERSON}
    assert message_of(recite(poe_gateway, BAD, GOOD, response_format=wanted))["content"] == GOOD
    error = recite(poe_gateway, GOOD, response_format=OBJECT | {"schema": {"type": 1}}).json()["error"]
    assert error["param"].startswith("response_format.schema")


@pytest.mark.parametrize("first", [BAD, "I cannot.", "", f"{GOOD[:-1]},"])
def test_an_answer_that_does_not_fit_is_repaired_once(poe_gateway: Gateway, first: str) -> None:
    whole = recite(poe_gateway, first, GOOD)
    message = message_of(whole)
    assert (message["content"], message["reasoning_content"]) == (GOOD, "Hm.\n\nHm.")
    events = poe_gateway.stream(
        "Reciter",
        content=reciting(first, GOOD),
        response_format=fitting(PERSON),
        stream_options={"include_usage": True},
    )
    assert content_of(events) == GOOD
    assert events[-2]["usage"] == whole.json()["usage"]
    once = recite(poe_gateway, GOOD).json()["usage"]
    assert whole.json()["usage"]["prompt_tokens"] > 2 * once["prompt_tokens"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_bot_that_never_fits_is_an_error_with_the_reason(client: openai.OpenAI, stream: bool) -> None:
    content = reciting(BAD, f"Oh, I see: {BAD}")
    messages: Any = [{"role": "user", "content": content}]
    wanted: Any = fitting(PERSON)
    with pytest.raises(openai.APIError) as raised:
        list(
            client.chat.completions.create(
                model="Reciter", messages=messages, response_format=wanted, stream=stream
            )
        )
    error = raised.value
    assert (error.code, error.type) == ("structured_output_failed", "upstream_error")
    assert '$.age: it must be of type "integer", not string' in error.message
    assert "three" not in error.message


def test_the_second_round_shows_the_bot_its_answer_and_the_path(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    bad = scripted.answer(scripted.text(BAD), scripted.DONE)
    bot = upstream.bot(bad, scripted.answer(scripted.text(GOOD), scripted.DONE))
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Who?"}]
    wanted = fitting(PERSON, description="A person.")
    assert message_of(gateway.ask(bot.name, messages=messages, response_format=wanted))["content"] == GOOD
    first, second = (query.json["query"] for query in bot.queries)
    system = first[0]["content"]
    assert system.startswith("Be brief.\n\n# Answer format")
    assert json.dumps(PERSON, separators=(",", ":")) in system
    assert "A person." in system
    assert second[: len(first)] == first
    answer, request = second[len(first) :]
    assert (answer["role"], answer["content"]) == ("bot", BAD)
    assert request["role"] == "user"
    assert "$.age" in request["content"]


def test_a_streamed_answer_leaves_once_it_is_checked(
    beating_gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    go_on = threading.Event()
    thought = scripted.text("*Thinking...*\n\n> Hm.\n\nHere: ")
    bot = upstream.bot(scripted.answer(thought, scripted.text(GOOD), go_on, scripted.DONE))
    with beating_gateway.connect() as connection:
        connection.post(bot.name, response_format=fitting(PERSON), stream=True)
        assert connection.read_head().status == 200
        before = connection.read_until(b": ping")
        assert b"Hm." in before
        assert b"Here" not in before
        assert b"age" not in before
        go_on.set()
        body = connection.read_rest()
    assert json.dumps(GOOD, ensure_ascii=False).encode() in body
    assert b"Here" not in body


def test_an_answer_that_is_cut_leaves_as_it_is(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    bot = upstream.bot(scripted.answer(scripted.text(GOOD), scripted.DONE))
    for stream in (False, True):
        response = gateway.ask(bot.name, response_format=fitting(PERSON), max_tokens=4, stream=stream)
        assert response.status_code == 200
        assert '"length"' in response.text
    choice = gateway.ask(bot.name, response_format=fitting(PERSON), max_tokens=4).json()["choices"][0]
    assert GOOD.startswith(choice["message"]["content"])
    assert 1 < len(choice["message"]["content"]) < len(GOOD)
    assert len(bot.queries) == 3


def test_what_is_replaced_and_what_is_appended_do_no_harm(poe_gateway: Gateway) -> None:
    for stream in (False, True):
        response = poe_gateway.ask("JsonArtist", response_format=OBJECT, stream=stream)
        assert json.dumps('{"name": "cat"}') in response.text
        assert "poecdn" not in response.text


# Tools, too.


@pytest.mark.parametrize("bot", ["Caller", "NativeCaller"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("choice", ["auto", "required"])
def test_a_call_is_a_call(client: openai.OpenAI, bot: str, stream: bool, choice: str) -> None:
    fields: Any = {"tools": [WEATHER], "tool_choice": choice, "response_format": fitting(PERSON)}
    messages: Any = [{"role": "user", "content": "Will it rain?"}]
    create = client.chat.completions
    if stream:
        with create.stream(model=bot, messages=messages, **fields) as helped:
            for _ in helped:
                pass
            done = helped.get_final_completion().choices[0]
    else:
        done = create.create(model=bot, messages=messages, **fields).choices[0]
    assert done.finish_reason == "tool_calls"
    call = done.message.tool_calls[0]
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments) == (ARGUMENTS if bot == "Caller" else {"city": "Ürümqi"})


def test_without_a_call_the_schema_holds(poe_gateway: Gateway) -> None:
    response = recite(poe_gateway, f"Well: {GOOD}", tools=[WEATHER, NOW])
    assert message_of(response)["content"] == GOOD
    assert response.json()["choices"][0]["finish_reason"] == "stop"
    assert recite(poe_gateway, "No.", tools=[NOW]).json()["error"]["code"] == "structured_output_failed"


def test_a_call_may_come_in_the_second_round(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    call = '<tool_call>\n<invoke name="now">\n</invoke>\n</tool_call>'
    bot = upstream.bot(
        scripted.answer(scripted.text("Hm."), scripted.DONE),
        scripted.answer(scripted.text(call), scripted.DONE),
    )
    message = message_of(gateway.ask(bot.name, tools=[NOW], response_format=OBJECT))
    assert call_in(message) == ("now", {})
    system = bot.queries[0].json["query"][0]["content"]
    assert system.index("# Tools") < system.index("# Answer format")


def test_where_a_call_must_come_no_json_is_asked_for(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    bot = upstream.bot(scripted.answer(scripted.text("{}"), scripted.DONE))
    response = gateway.ask(bot.name, tools=[NOW], tool_choice="required", response_format=OBJECT)
    assert response.json()["error"]["code"] == "tool_call_missing"
    assert "# Answer format" not in bot.queries[0].body.decode()


# Schemas that cannot be used.


@pytest.mark.parametrize(
    ("schema", "param"),
    [
        ({"type": "text"}, ".type"),
        ({"properties": {"a": {"minLength": -1}}}, ".properties.a.minLength"),
        ({"$ref": "http://127.0.0.1:1/schema"}, ".$ref"),
        ({"items": {"$dynamicRef": "other.json#x"}}, ".items.$dynamicRef"),
        ({"$schema": "https://example.com/mine"}, ".$schema"),
        ({"pattern": "("}, ".pattern"),
        ({"$ref": "#"}, ""),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_schema_that_cannot_be_used_is_refused(
    gateway: Gateway, upstream: ScriptedUpstream, schema: Any, param: str, stream: bool
) -> None:
    bot = upstream.bot(scripted.answer(scripted.DONE))
    response = gateway.ask(bot.name, response_format=fitting(schema), stream=stream)
    assert response.status_code == 400
    assert response.json()["error"]["param"] == SCHEMA_PATH + param
    assert not bot.queries


def bomb(levels: int) -> dict[str, Any]:
    """A schema that checks a value twice on each level."""
    definitions: dict[str, Any] = {
        f"d{level}": {"anyOf": [{"$ref": f"#/$defs/d{level + 1}"}, {"$ref": f"#/$defs/d{level + 1}"}]}
        for level in range(levels)
    }
    return {"$ref": "#/$defs/d0", "$defs": {**definitions, f"d{levels}": {"type": "integer"}}}


@pytest.mark.parametrize(
    ("schema", "answer"),
    [
        (bomb(60), '"a"'),
        ({"pattern": "^(a|aa)+$"}, json.dumps("a" * 200 + "b")),
        ({"patternProperties": {"^(a|aa)+$": True}}, json.dumps({"a" * 200 + "b": 1})),
    ],
)
def test_a_schema_that_would_be_checked_for_ever_ends(
    gateway: Gateway, upstream: ScriptedUpstream, schema: Any, answer: str
) -> None:
    bot = upstream.bot(scripted.answer(scripted.text(answer), scripted.DONE))
    for stream in (False, True):
        response = gateway.ask(bot.name, response_format=fitting(schema), stream=stream)
        assert "takes too long" in response.text
        assert SCHEMA_PATH in response.text
        assert response.status_code == 400
    assert len(bot.queries) == 2


def test_others_have_their_turn_meanwhile(upstream: ScriptedUpstream, start_gateway: Any) -> None:
    gateway = start_gateway(upstream.url, WEB_CONCURRENCY="1")
    bot = upstream.bot(scripted.answer(scripted.text('"a"'), scripted.DONE))
    done = threading.Event()

    def ask() -> None:
        gateway.ask(bot.name, response_format=fitting(bomb(60)))
        done.set()

    asking = threading.Thread(target=ask)
    asking.start()
    eventually(lambda: bot.queries)
    served = 0
    while not done.is_set():
        assert gateway.http.get("/healthz").status_code == 200
        served += 1
    asking.join()
    assert served > 4


def test_what_takes_the_longest_to_look_through_is_looked_through(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    for said in ("{" * 300_000, "[" * 300_000, '{"a":' * 60_000):
        bot = upstream.bot(scripted.answer(scripted.text(said), scripted.DONE))
        response = gateway.ask(bot.name, response_format=OBJECT)
        assert response.json()["error"]["code"] == "structured_output_failed"


# The openai package's own ways.


class Pet(pydantic.BaseModel):
    name: str
    kind: Literal["cat", "dog"]


class Owner(pydantic.BaseModel):
    name: str
    pets: list[Pet]


OWNER = '{"name": "Ada", "pets": [{"name": "Tom", "kind": "cat"}]}'


def test_openais_parse_gives_a_model(client: openai.OpenAI) -> None:
    messages: Any = [{"role": "user", "content": reciting(f"```json\n{OWNER}\n```")}]
    parsed = client.chat.completions.parse(model="Reciter", messages=messages, response_format=Owner)
    assert parsed.choices[0].message.parsed == Owner.model_validate_json(OWNER)


def test_openais_stream_gives_a_model(client: openai.OpenAI) -> None:
    messages: Any = [{"role": "user", "content": reciting('{"name": "Ada"}', OWNER)}]
    with client.chat.completions.stream(model="Reciter", messages=messages, response_format=Owner) as stream:
        for _ in stream:
            pass
        done = stream.get_final_completion()
    assert done.choices[0].message.parsed == Owner.model_validate_json(OWNER)


def test_openais_parse_tells_of_an_answer_that_was_cut(client: openai.OpenAI) -> None:
    messages: Any = [{"role": "user", "content": reciting(OWNER)}]
    with pytest.raises(openai.LengthFinishReasonError):
        client.chat.completions.parse(model="Reciter", messages=messages, response_format=Owner, max_tokens=8)


def test_the_log_tells_of_a_second_round(poe_gateway: Gateway) -> None:
    recite(poe_gateway, BAD)
    line = eventually(
        lambda: re.search(r"^.*structured_output_failed.*$", poe_gateway.log.read_text(), re.MULTILINE)
    )
    assert "rounds=2" in line[0]
    assert "three" not in poe_gateway.log.read_text()
