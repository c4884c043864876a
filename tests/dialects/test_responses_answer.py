from __future__ import annotations

import json
import tracemalloc
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.answer.deltas import (
    Delta,
    Failure,
    Finish,
    Reasoning,
    Restart,
    Text,
    ToolCallArguments,
    ToolCallStart,
    Usage,
)
from app.dialects import responses
from app.dialects.form import Head
from app.dialects.responses_answer import ResponseStream
from app.errors import (
    ApiError,
    bad_upstream,
    context_length_exceeded,
    insufficient_quota,
    invalid_request,
    rate_limited,
)
from tests.dialects.test_responses_tools import OTHERS, PATCH, SPACE, WEATHER
from tests.response_types import checked, events_of, output_text, text_of

HEAD = Head("0123456789abcdef" * 2, 1700000000, "the bot")
USAGE = Usage(prompt_tokens=2, completion_tokens=5, reasoning_tokens=3)
END = Finish("stop", USAGE)
CALLED = Finish("tool_calls", USAGE)


def request(**fields: Any) -> responses.ResponseRequest:
    tools = [WEATHER, PATCH, SPACE, *OTHERS]
    body = {"model": "bot", "input": "hi", "tools": tools, **fields}
    return responses.decode(json.dumps(body).encode())


def stream(*batches: Sequence[Delta], **fields: Any) -> list[dict[str, Any]]:
    renderer = request(**fields).streamed(HEAD)
    return events_of(b"".join(renderer.render(batch) for batch in batches))


def whole(*batches: Sequence[Delta], **fields: Any) -> dict[str, Any]:
    renderer = request(**fields).whole(HEAD)
    for batch in batches:
        renderer.add(batch)
    assert renderer.is_over
    response: dict[str, Any] = json.loads(renderer.render())
    checked(response)
    return response


def both(*deltas: Delta, **fields: Any) -> dict[str, Any]:
    """The answer, which must be the same whole and streamed."""
    response = whole(deltas, **fields)
    assert stream(deltas, **fields)[-1]["response"] == response
    assert stream(*([each] for each in deltas), **fields)[-1]["response"] == response
    return response


def test_an_answer_has_reasoning_and_a_message() -> None:
    response = both(Reasoning("Hm"), Reasoning("."), Text("Ye"), Text("s"), END)
    assert (response["id"], response["created_at"], response["model"]) == (
        f"resp_{HEAD.token}",
        1700000000,
        "the bot",
    )
    reasoning, message = response["output"]
    assert reasoning["summary"] == [{"type": "summary_text", "text": "Hm."}]
    assert message["content"] == [{"type": "output_text", "text": "Yes", "annotations": [], "logprobs": []}]
    assert (message["role"], message["status"]) == ("assistant", "completed")
    assert (response["status"], response["error"], response["incomplete_details"]) == (
        "completed",
        None,
        None,
    )
    assert response["usage"] == {
        "input_tokens": 2,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 3},
        "total_tokens": 7,
    }


def test_the_events_of_a_text_are_those_of_openai() -> None:
    kinds = [event["type"].removeprefix("response.") for event in stream([Text("a")], [Text("b"), END])]
    assert kinds == [
        *("created", "in_progress", "output_item.added", "content_part.added"),
        *("output_text.delta", "output_text.delta", "output_text.done", "content_part.done"),
        *("output_item.done", "completed"),
    ]


def test_every_delta_is_an_event_of_its_own() -> None:
    said = ["a", "b\n", "\u2028", "", '"', "\U0001f680", "%d%b"]
    for batches in ([[Text(each) for each in said]], [[Text(each)] for each in said]):
        events = stream(*batches, [END])
        deltas = [each["delta"] for each in events if each["type"] == "response.output_text.delta"]
        assert deltas == said


def test_an_answer_without_anything_is_an_empty_message() -> None:
    for answer in ([END], [Reasoning("Hm"), END]):
        response = both(*answer)
        assert response["output"][-1]["type"] == "message"
        assert output_text(response) == ""


@pytest.mark.parametrize(
    ("reason", "told"), [("length", "max_output_tokens"), ("content_filter", "content_filter")]
)
def test_an_answer_that_is_cut_is_incomplete(reason: str, told: str) -> None:
    finish = Finish(reason, USAGE)
    response = both(Reasoning("Hm"), Text("a"), finish)
    assert (response["status"], response["incomplete_details"]) == ("incomplete", {"reason": told})
    assert [item["status"] for item in response["output"]] == ["completed", "incomplete"]
    assert stream([finish])[-1]["type"] == "response.incomplete"
    (call,) = both(ToolCallStart(0, "c", "weather"), finish)["output"]
    assert (call["arguments"], call["status"]) == ("", "incomplete")


def test_calls_are_items_in_the_form_of_their_tool() -> None:
    *_, call, patch, search = both(
        Text("Well."),
        ToolCallStart(0, "c0", "weather"),
        ToolCallArguments(0, '{"city":'),
        ToolCallArguments(0, ' "Oslo"}'),
        ToolCallStart(1, "c1", "patch"),
        ToolCallArguments(1, '{"input": "*** Begin'),
        ToolCallArguments(1, '\\nEnd"}'),
        ToolCallStart(2, "c2", "mcp__docs__search"),
        CALLED,
    )["output"]
    assert {name: call[name] for name in ("type", "call_id", "name", "arguments", "status")} == {
        "type": "function_call",
        "call_id": "c0",
        "name": "weather",
        "arguments": '{"city": "Oslo"}',
        "status": "completed",
    }
    assert "namespace" not in call
    assert {name: patch[name] for name in ("type", "call_id", "name", "input")} == {
        "type": "custom_tool_call",
        "call_id": "c1",
        "name": "patch",
        "input": "*** Begin\nEnd",
    }
    assert (search["name"], search["namespace"], search["arguments"]) == ("search", "mcp__docs__", "{}")


@pytest.mark.parametrize("arguments", ["", "*** Begin", '{"patch": "x"}', '{"input": 5}', "[1]"])
def test_a_custom_call_without_its_input_has_all_that_was_written(arguments: str) -> None:
    pieces = [ToolCallArguments(0, arguments)] if arguments else []
    (call,) = both(ToolCallStart(0, "c", "patch"), *pieces, CALLED)["output"]
    assert call["input"] == (arguments or "{}")


def test_calls_that_interleave_come_one_after_the_other() -> None:
    first, second = both(
        ToolCallStart(0, "c0", "weather"),
        ToolCallArguments(0, '{"city":'),
        ToolCallStart(1, "c1", "weather"),
        ToolCallArguments(1, '{"city":'),
        ToolCallArguments(0, ' "Oslo"}'),
        ToolCallArguments(1, ' "Rome"}'),
        CALLED,
    )["output"]
    assert (first["arguments"], second["arguments"]) == ('{"city": "Oslo"}', '{"city": "Rome"}')


def test_a_call_is_told_as_soon_as_the_one_before_is_whole() -> None:
    renderer = request().streamed(HEAD)
    renderer.render([ToolCallStart(0, "c0", "weather"), ToolCallArguments(0, "{}")])
    assert b'"call_id":"c1"' in renderer.render([ToolCallStart(1, "c1", "weather")])


def test_an_answer_that_begins_anew_forgets_its_text_and_a_stream_goes_on_in_another_message() -> None:
    deltas = [Reasoning("Hm"), Text("old"), Restart(), Reasoning("So"), Text("new"), END]
    assert [text_of(item) for item in whole(deltas)["output"]] == ["So", "new"]
    (last,) = stream(deltas)[-1:]
    assert [text_of(item) for item in last["response"]["output"]] == ["Hm", "old\n\n", "So", "new"]


def test_what_begins_anew_before_it_said_anything_begins() -> None:
    assert output_text(stream([Restart(), Text("a"), END])[-1]["response"]) == "a"


def test_calls_stay_where_an_answer_begins_anew() -> None:
    response = whole(
        [Text("a"), ToolCallStart(0, "c", "weather"), Restart(), ToolCallArguments(0, "{}"), CALLED]
    )
    assert [(item["type"], item["arguments"]) for item in response["output"]] == [("function_call", "{}")]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (bad_upstream("Oh."), "server_error"),
        (rate_limited("Slow down."), "rate_limit_exceeded"),
        (context_length_exceeded("Too long."), "context_length_exceeded"),
        (insufficient_quota("No points."), "insufficient_quota"),
        (invalid_request("Wrong.", "text.format"), "invalid_prompt"),
    ],
)
def test_a_failure_half_way_is_told_twice(error: ApiError, code: str) -> None:
    events = stream([Reasoning("Hm"), Text("Half"), Failure(error)])
    told, failed = events[-2:]
    assert told["error"] == {
        "type": error.type,
        "code": error.code,
        "message": error.message,
        "param": "input" if error.param == "messages" else error.param,
    }
    assert failed["response"]["error"] == {"code": code, "message": error.message}
    assert failed["response"]["usage"] is None
    assert [item["status"] for item in failed["response"]["output"]] == ["completed", "incomplete"]


def test_a_failure_before_anything_was_said_has_a_beginning() -> None:
    events = events_of(request().streamed(HEAD).render_error(bad_upstream("Oh.")))
    assert [event["type"] for event in events] == [
        "response.created",
        "response.in_progress",
        "error",
        "response.failed",
    ]


def test_a_whole_answer_raises_its_failure() -> None:
    error = bad_upstream("Oh.")
    with pytest.raises(ApiError) as raised:
        request().whole(HEAD).add([Text("Half"), Failure(error)])
    assert raised.value is error


def test_an_answer_repeats_what_its_type_has_of_the_request() -> None:
    told = {
        "instructions": "Be brief.",
        "metadata": {"a": "b"},
        "temperature": 0.5,
        "top_p": 0.9,
        "max_output_tokens": 50,
        "max_tool_calls": 3,
        "parallel_tool_calls": False,
        "prompt_cache_key": "k",
        "safety_identifier": "s",
        "user": "u",
        "reasoning": {"effort": "low", "summary": "auto"},
        "tool_choice": {"type": "function", "name": "weather"},
    }
    response = both(Text("a"), END, **told)
    assert {name: response[name] for name in told} == told
    kinds = [(tool["type"], tool["name"]) for tool in response["tools"]]
    assert kinds == [("function", "weather"), ("custom", "patch"), ("namespace", "mcp__docs__")]


@pytest.mark.parametrize(
    "form",
    [
        {"type": "text"},
        {"type": "json_object"},
        {"type": "json_schema", "name": "x", "schema": {"type": "object"}, "strict": True},
        {"type": "json_schema", "schema": {}},
    ],
)
def test_the_format_is_repeated(form: dict[str, Any]) -> None:
    response = both(Text("{}"), END, text={"format": form, "verbosity": "low"})
    assert response["text"]["verbosity"] == "low"
    assert form.items() <= response["text"]["format"].items()


def test_what_is_long_is_not_repeated() -> None:
    long = "x" * 40_000
    tool = {"type": "function", "name": "f", "description": long}
    response = both(Text("a"), END, instructions=long, tools=[tool], metadata={"a": long})
    assert (response["instructions"], response["tools"], response["metadata"]) == (None, [], {})


def test_a_long_stream_keeps_little_more_than_its_text() -> None:
    renderer = request().streamed(HEAD)
    renderer.render([Text("a")])
    tracemalloc.start()
    for number in range(50_000):
        renderer.render([Text(str(number % 10))])
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 500_000


def test_a_heartbeat_is_no_event() -> None:
    assert ResponseStream.heartbeat == b": ping\n\n"


_WORDS = st.text(max_size=8)
_DELTAS = st.lists(
    st.one_of(
        st.builds(Text, _WORDS),
        st.builds(Text, _WORDS),
        st.builds(Reasoning, _WORDS),
        st.builds(
            ToolCallArguments, st.integers(0, 3), st.sampled_from(['{"a":', ' "b"}', "{}", '{"input": "x"}'])
        ),
        st.builds(
            ToolCallStart,
            st.integers(0, 3),
            st.just(""),
            st.sampled_from(["weather", "patch", "mcp__docs__search"]),
        ),
    ),
    max_size=30,
)


def _possible(deltas: Sequence[Delta]) -> list[Delta]:
    """The deltas in an order possible for the pipeline: a call begins once, before its arguments."""
    begun: set[int] = set()
    found: list[Delta] = []
    for delta in deltas:
        if isinstance(delta, ToolCallStart):
            if delta.index in begun:
                continue
            begun.add(delta.index)
            delta = ToolCallStart(delta.index, f"call_{delta.index}", delta.name)
        elif isinstance(delta, ToolCallArguments) and delta.index not in begun:
            continue
        found.append(delta)
    return found


def _batches(deltas: Sequence[Delta], cuts: Sequence[int]) -> list[Sequence[Delta]]:
    bounds = sorted({0, len(deltas), *(cut for cut in cuts if cut < len(deltas))})
    return [deltas[start:end] for start, end in pairwise(bounds)]


@given(_DELTAS, st.lists(st.integers(0, 30)), st.sampled_from(["stop", "length", "tool_calls"]))
def test_any_deltas_in_any_batches_are_well_formed_and_the_same_in_one_body(
    deltas: list[Delta], cuts: list[int], reason: str
) -> None:
    possible = [*_possible(deltas), Finish(reason, USAGE)]
    events = stream(*_batches(possible, cuts))
    response = whole(possible)
    assert events[-1]["response"] == response
    assert output_text(response) == "".join(each.text for each in possible if isinstance(each, Text))


@given(_DELTAS, st.lists(st.integers(0, 30)), st.integers(0, 30), st.booleans())
def test_any_deltas_that_begin_anew_or_fail_are_well_formed(
    deltas: list[Delta], cuts: list[int], place: int, fails: bool
) -> None:
    possible = _possible(deltas)
    possible.insert(min(place, len(possible)), Restart())
    end = Failure(bad_upstream("Oh.")) if fails else END
    events = stream(*_batches([*possible, end], cuts))
    if not fails:
        since = possible[possible.index(Restart()) + 1 :]
        final = "".join(each.text for each in since if isinstance(each, Text))
        assert output_text(events[-1]["response"]).endswith(final)
        assert output_text(whole([*possible, END])) == final
