from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.answer.deltas import Delta, Failure, Finish, Reasoning, Restart, Text, Usage
from app.conversation import AttachmentPart, Conversation, Role, TextPart
from app.dialects import chat, chat_answer
from app.errors import ApiError, rate_limited

USER = {"role": "user", "content": "hi"}
USAGE = Usage(prompt_tokens=2, completion_tokens=5, reasoning_tokens=3)


def decode(**fields: Any) -> chat.ChatRequest:
    return chat.decode(json.dumps({"model": "bot", "messages": [USER], **fields}).encode())


def conversation(**fields: Any) -> Conversation:
    return decode(**fields).conversation


def refusal(body: bytes | None = None, **fields: Any) -> ApiError:
    if body is None:
        body = json.dumps({"model": "bot", "messages": [USER], **fields}).encode()
    with pytest.raises(ApiError) as raised:
        chat.decode(body)
    assert raised.value.status == 400
    return raised.value


# Decoding.


def test_a_request_is_decoded():
    request = decode(
        messages=[{"role": "system", "content": "Be brief."}, USER],
        temperature=0.5,
        stop=["END", ""],
        max_tokens=100,
        logit_bias={"5": -1},
        stream=True,
        stream_options={"include_usage": True},
    )
    assert (request.stream, request.include_usage) == (True, True)
    asked = request.conversation
    assert [(each.role, each.text) for each in asked.messages] == [
        (Role.SYSTEM, "Be brief."),
        (Role.USER, "hi"),
    ]
    assert (asked.model, asked.temperature, asked.stop, asked.max_tokens) == ("bot", 0.5, ["END"], 100)
    assert (asked.logit_bias, asked.parameters) == ({"5": -1.0}, {})


def test_what_is_null_counts_as_absent():
    names = ("stream", "stream_options", "temperature", "stop", "max_tokens", "max_completion_tokens", "n")
    nulls = dict.fromkeys((*names, "logit_bias", "extra_body", "tools", "top_p", "thinking", "aspect"))
    assert decode(**nulls) == decode()


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("system", Role.SYSTEM),
        ("developer", Role.SYSTEM),
        ("user", Role.USER),
        ("assistant", Role.ASSISTANT),
        ("tool", Role.TOOL),
        ("function", Role.TOOL),
    ],
)
def test_roles_are_known(role: str, expected: Role):
    assert conversation(messages=[{"role": role, "content": "a"}]).messages[0].role is expected


@pytest.mark.parametrize(
    "message", [{"role": "assistant"}, {"role": "assistant", "content": None, "tool_calls": []}]
)
def test_a_message_may_have_no_content(message: dict[str, Any]):
    assert conversation(messages=[message]).messages[0].text == ""


def test_the_texts_of_parts_are_joined():
    parts = [{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "b"}]
    assert conversation(messages=[{"role": "user", "content": parts}]).messages[0].text == "a\n\nb"


@pytest.mark.parametrize(
    ("part", "attachment"),
    [
        (
            {"type": "image_url", "image_url": {"url": "https://a", "detail": "low"}},
            ("image", "https://a", None, None),
        ),
        ({"type": "image_url", "image_url": "https://a"}, ("image", "https://a", None, None)),
        ({"type": "video_url", "video_url": {"url": "https://a"}}, ("video", "https://a", None, None)),
        (
            {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
            ("audio", "AA==", None, "wav"),
        ),
        ({"type": "file", "file": {"file_data": "data:,a", "filename": "a"}}, ("file", "data:,a", "a", None)),
        ({"type": "file", "file": {"file_url": "https://a"}}, ("file", "https://a", None, None)),
    ],
)
def test_attachments_are_understood(
    part: dict[str, Any], attachment: tuple[str, str, str | None, str | None]
):
    parts = conversation(messages=[USER, {"role": "user", "content": [{"type": "text", "text": "a"}, part]}])
    kind, source, name, form = attachment
    assert parts.messages[1].parts == [
        TextPart("a"),
        AttachmentPart(kind, source, "messages[1].content[1]", name, form),
    ]


def test_one_stop_string_may_stand_alone():
    assert conversation(stop="END").stop == ["END"]
    assert conversation(stop="").stop == []


@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ({"max_tokens": 5}, 5),
        ({"max_tokens": 5.0}, 5),
        ({"max_tokens": 5, "max_completion_tokens": 7}, 7),
        ({"max_tokens": 10**30}, 10**30),
        ({"n": 1}, None),
        ({"n": 1.0}, None),
    ],
)
def test_whole_numbers_are_read(fields: dict[str, Any], limit: int | None):
    assert conversation(**fields).max_tokens == limit


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": ""}, "model"),
        ({"model": " \n"}, "model"),
        ({"model": None}, "model"),
        ({"model": 5}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": None}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": ["hi"]}, "messages[0]"),
        ({"messages": [USER, {"content": "a"}]}, "messages[1].role"),
        ({"messages": [{"role": "bot", "content": "a"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [5]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{"file": "a"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "x"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": 1}]}]},
            "messages[0].content[0].text",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "x"}}]}]},
            "messages[0].content[0].file",
        ),
        ({"n": 2}, "n"),
        ({"n": 0}, "n"),
        ({"n": True}, "n"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": []}, "stream_options"),
        ({"temperature": "hot"}, "temperature"),
        ({"stop": 5}, "stop"),
        ({"stop": ["a", None]}, "stop[1]"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": -2}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_completion_tokens": "five"}, "max_completion_tokens"),
        ({"logit_bias": {"5": "x"}}, "logit_bias[...]"),
        ({"extra_body": []}, "extra_body"),
        ({"extra_body": {"extra_body": [1]}}, "extra_body.extra_body"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], param: str):
    error = refusal(**fields)
    assert error.param == param
    assert param.partition("[")[0] in error.message


@pytest.mark.parametrize("missing", ["model", "messages"])
def test_what_is_missing_is_named(missing: str):
    fields = {"model": "bot", "messages": [USER]}
    del fields[missing]
    assert refusal(json.dumps(fields).encode()).param == missing


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"[]",
        b"null",
        b'"a"',
        b"\xff\xfe",
        b'{"model": "\xff"}',
        b'{"model": "\\ud800", "messages": []}',
        b'{"model": NaN}',
        b'{"model": Infinity}',
        b"{} {}",
        b"[" * 50_000,
        b"{" * 50_000,
        b'{"a":' * 50_000,
        b"[" * 50_000 + b"]" * 50_000,
        b'{"messages":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    ],
)
def test_what_is_no_request_is_refused(body: bytes):
    refusal(body)


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 5000, "NaN", "Infinity", "01", "1.", ".5"])
@pytest.mark.parametrize("name", ["temperature", "max_tokens", "n", "aspect"])
def test_a_number_that_cannot_be_kept_is_refused(name: str, number: str):
    refusal(b'{"model": "bot", "messages": [{"role": "user"}], "%b": %b}' % (name.encode(), number.encode()))


@pytest.mark.parametrize("depth", [200, 900, 990, 993, 996])
@pytest.mark.parametrize(("before", "after"), [(b"[", b"]"), (b'{"a":', b"}"), (b'{"extra_body":', b"}")])
def test_what_is_nested_too_deeply_is_refused_before_anything_trips_over_it(
    before: bytes, after: bytes, depth: int
):
    nested = before * depth + b"1" + after * depth
    body = b'{"model": "bot", "messages": [{"role": "user"}], "extra_body": {"a": %b}}' % nested
    assert "nested" in refusal(body).message


def test_reasonable_nesting_is_fine():
    nested: Any = 1
    for _ in range(100):
        nested = {"a": [nested]} if _ % 2 else [nested]
    assert conversation(web={"a": [1]}).parameters == {"web": {"a": [1]}}
    assert list(conversation(web=json.loads("[" * 100 + "]" * 100)).parameters) == ["web"]


def test_a_long_value_is_not_repeated_in_full():
    error = refusal(messages=[{"role": "user", "content": [{"type": "x" * 100_000}]}])
    assert len(error.message) < 300


PARAMETERS = {
    "a field of the bot's": ({"aspect": "1:1", "web_search": True, "top_k": 5}, None),
    "effort": ({"reasoning_effort": "low", "verbosity": "high"}, None),
    "one that is false or empty": ({"web_search": False, "style": "", "seed_list": []}, None),
    "Anthropic's budget": (
        {"thinking": {"type": "enabled", "budget_tokens": 5}},
        {"thinking_budget": 5},
    ),
    "thinking switched off": ({"thinking": {"type": "disabled"}}, {"thinking_budget": 0}),
    "thinking switched on": ({"thinking": {"type": "enabled"}}, {}),
    "thinking of another kind": ({"thinking": True}, {"thinking": True}),
    "OpenRouter's effort": ({"reasoning": {"effort": "low"}}, {"reasoning_effort": "low"}),
    "OpenRouter's budget": ({"reasoning": {"max_tokens": 5}}, {"thinking_budget": 5}),
    "Google's budget": (
        {"google": {"thinking_config": {"thinking_budget": 5}}},
        {"thinking_budget": 5},
    ),
    "Google's level": (
        {"google": {"thinking_config": {"thinking_level": "low"}}},
        {"thinking_level": "low"},
    ),
    "an extra body": (
        {
            "extra_body": {
                "aspect": "1:1",
                "temperature": 1,
                "google": {"thinking_config": {"thinking_budget": 5}},
            }
        },
        {"aspect": "1:1", "thinking_budget": 5},
    ),
    "the request's own level first": (
        {"extra_body": {"aspect": "1:1", "size": 1}, "aspect": "16:9"},
        {"aspect": "16:9", "size": 1},
    ),
    "the plain name first": (
        {"thinking": {"budget_tokens": 5}, "thinking_budget": 7},
        {"thinking_budget": 7},
    ),
    "nulls": ({"aspect": None, "thinking": {"budget_tokens": None}, "reasoning": {}}, {}),
    "what OpenAI defines": (
        {
            "top_p": 1,
            "seed": 1,
            "user": "x",
            "store": True,
            "metadata": {},
            "presence_penalty": 0,
            "frequency_penalty": 0,
            "logprobs": True,
            "service_tier": "auto",
            "response_format": {"type": "text"},
            "tools": [],
        },
        {},
    ),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_are_picked(name: str):
    fields, parameters = PARAMETERS[name]
    assert conversation(**fields).parameters == (fields if parameters is None else parameters)


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**25), 10**25)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(["user", "text", "image_url", "low"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["role", "content", "type", "text", "url", "file", "image_url", "effort", "budget_tokens"]
            )
            | st.text(max_size=3),
            inner,
            max_size=3,
        )
    ),
    max_leaves=10,
)
_FIELDS = st.sampled_from(
    [
        *(
            "model",
            "messages",
            "stream",
            "stream_options",
            "temperature",
            "stop",
            "n",
            "logit_bias",
            "max_tokens",
        ),
        *("max_completion_tokens", "extra_body", "thinking", "reasoning", "google", "aspect", "tools"),
    ]
)


def decode_or_refuse(body: bytes) -> chat.ChatRequest | None:
    try:
        return chat.decode(body)
    except ApiError as refused:
        error = refused
    assert error.status == 400
    assert json.loads(chat_answer.render_error(error))["error"]["message"] == error.message
    return None


@given(st.dictionaries(_FIELDS, _JSON))
def test_any_json_is_a_request_or_a_400(fields: dict[str, Any]):
    decode_or_refuse(json.dumps(fields).encode())


@given(_FIELDS, _JSON)
def test_any_field_is_read_or_a_400(name: str, value: Any):
    request = decode_or_refuse(json.dumps({"model": "bot", "messages": [USER], name: value}).encode())
    if request is not None:
        msgspec.json.encode(request.conversation.parameters)


@given(
    st.lists(
        st.fixed_dictionaries({"role": st.sampled_from(["user", "tool", 1]), "content": _JSON}), min_size=1
    )
)
def test_any_content_is_read_or_a_400(messages: list[Any]):
    decode_or_refuse(json.dumps({"model": "bot", "messages": messages}).encode())


@given(st.binary())
def test_any_bytes_are_a_request_or_a_400(body: bytes):
    decode_or_refuse(body)
    decode_or_refuse(b'{"model": "bot", "messages": [{"role": "user", "content": "' + body + b'"}]}')


@given(st.text())
def test_text_reaches_the_conversation_as_it_is(text: str):
    for ascii_only in (True, False):
        body = json.dumps(
            {"model": "bot", "messages": [{"role": "user", "content": text}]}, ensure_ascii=ascii_only
        )
        assert chat.decode(body.encode()).conversation.messages[0].text == text


# Rendering.


def stream(*batches: Sequence[Delta], include_usage: bool = False) -> list[bytes]:
    renderer = chat_answer.ChatStream("id-1", 1700000000, "the bot", include_usage=include_usage)
    return [renderer.render(batch) for batch in batches]


def events(written: bytes) -> list[Any]:
    assert written.endswith(b"\n\n")
    data = [event.removeprefix(b"data: ") for event in written[:-2].split(b"\n\n")]
    return ["[DONE]" if each == b"[DONE]" else json.loads(each) for each in data]


def whole(*batches: Sequence[Delta]) -> dict[str, Any]:
    renderer = chat_answer.ChatCompletion("id-1", 1700000000, "the bot")
    for batch in batches:
        renderer.add(batch)
    return json.loads(renderer.render())


def test_a_stream_has_role_deltas_reason_and_end():
    found = events(b"".join(stream([Reasoning("Hm"), Text("Yes")], [Finish("stop", USAGE)])))
    assert found.pop() == "[DONE]"
    head = {"id": "id-1", "object": "chat.completion.chunk", "created": 1700000000, "model": "the bot"}
    assert [chunk["choices"][0]["delta"] for chunk in found] == [
        {"role": "assistant", "content": ""},
        {"reasoning_content": "Hm"},
        {"content": "Yes"},
        {},
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in found] == [None, None, None, "stop"]
    assert all(head.items() <= chunk.items() for chunk in found)
    assert all("usage" not in chunk for chunk in found)


def test_the_usage_chunk_comes_if_it_is_asked_for():
    *_, finish, usage, done = events(stream([Finish("length", USAGE)], include_usage=True)[0])
    assert finish["choices"][0]["finish_reason"] == "length"
    assert (usage["choices"], done) == ([], "[DONE]")
    assert usage["usage"] == {
        "prompt_tokens": 2,
        "completion_tokens": 5,
        "total_tokens": 7,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }


def test_batches_are_one_write_each_and_nothing_is_written_for_none():
    written = stream([], [Text("a")], [], [Text("b"), Text("c")])
    assert [len(events(each)) if each else 0 for each in written] == [0, 2, 0, 2]


def test_a_failure_in_a_stream_is_an_error_and_no_reason():
    found = events(stream([Text("a")], [Failure(rate_limited("Slow down."))])[1])
    assert found == [
        {
            "error": {
                "message": "Slow down.",
                "type": "rate_limit_error",
                "param": None,
                "code": "rate_limit_exceeded",
            }
        },
        "[DONE]",
    ]


def test_a_restart_in_a_stream_is_a_new_paragraph():
    written = b"".join(stream([Restart(), Text("a")], [Restart(), Text("b")]))
    assert "".join(chunk["choices"][0]["delta"]["content"] for chunk in events(written)) == "a\n\nb"


def test_a_whole_answer_has_everything():
    assert whole([Reasoning("H"), Reasoning("m")], [Text("Y"), Text("es"), Finish("stop", USAGE)]) == {
        "id": "id-1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "the bot",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "Yes",
                    "refusal": None,
                    "reasoning_content": "Hm",
                },
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 2,
            "completion_tokens": 5,
            "total_tokens": 7,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 3},
        },
        "system_fingerprint": None,
    }


def test_an_empty_answer_is_an_empty_string():
    assert whole([Finish("stop", USAGE)])["choices"][0]["message"] == {
        "role": "assistant",
        "content": "",
        "refusal": None,
    }


def test_a_restart_empties_a_whole_answer():
    message = whole([Reasoning("x"), Text("a"), Restart(), Text("b"), Finish("stop", USAGE)])["choices"][0][
        "message"
    ]
    assert message == {"role": "assistant", "content": "b", "refusal": None}


def test_a_failure_of_a_whole_answer_is_raised():
    error = rate_limited("Slow down.")
    completion = chat_answer.ChatCompletion("id-1", 0, "bot")
    with pytest.raises(ApiError) as raised:
        completion.add([Text("a"), Failure(error)])
    assert raised.value is error


def test_a_whole_answer_is_over_with_its_finish():
    completion = chat_answer.ChatCompletion("id-1", 0, "bot")
    completion.add([Text("a")])
    assert not completion.is_over
    completion.add([Finish("stop", USAGE)])
    assert completion.is_over


_DELTAS = st.lists(st.builds(Text, st.text()) | st.builds(Reasoning, st.text()), max_size=6)


@given(_DELTAS, st.text(max_size=10), st.integers(1, 6))
def test_streamed_and_whole_are_the_same_and_survive_any_text(deltas: list[Delta], model: str, size: int):
    items = [*deltas, Finish("stop", USAGE)]
    renderer = chat_answer.ChatStream("id-1", 1, model, include_usage=False)
    written = b"".join(renderer.render(items[start : start + size]) for start in range(0, len(items), size))
    *chunks, done = events(written)
    assert done == "[DONE]"
    assert {chunk["model"] for chunk in chunks} == {model}
    completion = whole(items)["choices"][0]["message"]
    for name in ("content", "reasoning_content"):
        joined = "".join(chunk["choices"][0]["delta"].get(name, "") for chunk in chunks)
        assert joined == completion.get(name, "")


@given(st.text(), st.none() | st.text())
def test_any_error_is_rendered(message: str, param: str | None):
    error = json.loads(chat_answer.render_error(ApiError(400, message, param=param)))["error"]
    assert error == {"message": message, "type": "invalid_request_error", "param": param, "code": None}


def test_no_number_turns_into_a_null_on_its_way():
    assert conversation(temperature=0, aspect=1e308).parameters == {"aspect": 1e308}
    assert math.isfinite(conversation(temperature=1e308).temperature or 0)
