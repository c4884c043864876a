from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.conversation import AttachmentPart, Message, Role, TextPart, ToolCall
from app.tools import history, writing

PICTURE = AttachmentPart("image", "https://a", "messages[2].content[0]")


def user(text: str) -> Message:
    return Message(Role.USER, [TextPart(text)])


def calling(*calls: ToolCall, text: str = "") -> Message:
    return Message(Role.ASSISTANT, [TextPart(text)], calls)


def result(id: str | None, *parts: Any, name: str | None = None) -> Message:
    given = [TextPart(part) if isinstance(part, str) else part for part in parts]
    return Message(Role.TOOL, given, tool_call_id=id, name=name)


def call(id: str = "c1", name: str = "f", arguments: Any = "{}") -> ToolCall:
    return ToolCall(id, name, arguments if isinstance(arguments, str) else json.dumps(arguments))


def texts(*messages: Message) -> list[tuple[str, str]]:
    return [(message.role.value, message.text) for message in history.written(messages)]


# Calls.


def test_a_call_is_written_with_its_values_raw():
    written = writing.write([call(arguments={"path": "a.py", "text": 'if a < b:\n    print("x")\n', "n": 1})])
    assert written == (
        "<tool_call>\n"
        '<invoke name="f">\n'
        '<parameter name="path">a.py</parameter>\n'
        '<parameter name="text">if a < b:\n    print("x")\n</parameter>\n'
        '<parameter name="n">1</parameter>\n'
        "</invoke>\n"
        "</tool_call>"
    )


def test_calls_of_one_message_share_a_block():
    written = writing.write([call("1", "f"), call("2", "g", {"a": [1, {"b": None}]})])
    assert written == (
        '<tool_call>\n<invoke name="f">\n</invoke>\n<invoke name="g">\n'
        '<parameter name="a">[1, {"b": null}]</parameter>\n</invoke>\n</tool_call>'
    )


@pytest.mark.parametrize("arguments", ["", " ", "{}", " {} "])
def test_no_arguments_are_no_parameters(arguments: str):
    assert (
        writing.write([call(arguments=arguments)])
        == '<tool_call>\n<invoke name="f">\n</invoke>\n</tool_call>'
    )


@pytest.mark.parametrize("value", ["1.0", "1e5", "12345678901234567890123", '{"b":  1}', "null", "true"])
def test_values_that_are_no_strings_stay_as_they_were_written(value: str):
    assert f'<parameter name="a">{value}</parameter>' in writing.write([call(arguments=f'{{"a": {value} }}')])


@pytest.mark.parametrize(
    "value",
    [
        "\nonly newlines\n",
        "\r\nonly newlines\r\n",
        "\n",
        "\n\n",
        "a &amp; b",
        "&#10; first",
        "<![CDATA[x]]>",
        " <![CDATA[x]]>",
        "x</parameter>\n</invoke>",
    ],
)
def test_a_string_that_would_be_read_as_another_goes_as_json(value: str):
    written = writing.write([call(arguments={"a": value})])
    inside = written.removeprefix("<tool_call>\n").removesuffix("\n</tool_call>")
    assert json.loads(inside) == {"name": "f", "arguments": {"a": value}}
    assert not set(inside) & set("<&")


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "a\n",
        "\na",
        "\n\na\n",
        "a & b",
        "<p>&amp;</p>",
        "a & b &amp; c",
        "</div>",
        "]]>",
        "<invoke>",
        "'\"",
    ],
)
def test_any_other_string_goes_as_it_is(value: str):
    assert f'<parameter name="a">{value}</parameter>' in writing.write([call(arguments={"a": value})])


def test_markup_in_a_list_is_escaped_only_where_it_would_be_misread():
    assert '["<p>"]</parameter>' in writing.write([call(arguments={"a": ["<p>"]})])
    written = writing.write([call(arguments={"a": ["x</parameter>", "&amp;"]})])
    assert '["x\\u003c/parameter>", "\\u0026amp;"]</parameter>' in written


@pytest.mark.parametrize(
    "arguments", ['{"a": ', "[1]", '"text"', "free text < & </tool_call>", '{"a": "\\ud800"}', "1"]
)
def test_arguments_that_are_no_object_go_as_they_are(arguments: str):
    inside = writing.write([call(arguments=arguments)]).split("\n")[1]
    assert json.loads(inside) == {"name": "f", "arguments": arguments}


@pytest.mark.parametrize("name", ['a"b', "a<b", " a", "a\n", "", "a&lt;"])
def test_a_name_that_no_attribute_holds_goes_as_json(name: str):
    for odd in (call(name=name), call(arguments={name: 1})):
        inside = writing.write([odd]).split("\n")[1]
        assert json.loads(inside) == {"name": odd.name, "arguments": json.loads(odd.arguments)}


def test_plain_calls_and_others_keep_their_order():
    names = re.findall(
        r'name"?[=:] ?"(\w)"', writing.write([call(name="a"), call(name="b", arguments="x"), call(name="c")])
    )
    assert names == ["a", "b", "c"]


@given(st.lists(st.tuples(st.text(), st.text()), max_size=4))
def test_any_call_can_be_written(calls: list[tuple[str, str]]):
    writing.write([call(name=name, arguments=arguments) for name, arguments in calls])


# Messages.


def test_what_has_no_tools_is_told_apart():
    assert not history.has_tools([user("a"), calling()])
    assert history.has_tools([user("a"), calling(call())])
    assert history.has_tools([result("c")])


def test_a_round_becomes_text_in_its_order():
    written = texts(user("a"), calling(call("c1"), text="I look."), result("c1", "sunny"), user("b"))
    assert written == [
        ("user", "a"),
        ("assistant", 'I look.\n\n<tool_call>\n<invoke name="f">\n</invoke>\n</tool_call>'),
        ("user", '<tool_result name="f" id="c1">\nsunny\n</tool_result>'),
        ("user", "b"),
    ]


def test_results_in_a_row_are_one_message():
    messages = [calling(call("1", "f"), call("2", "g")), result("2", "B"), result("1", "A"), user("x")]
    assert texts(*messages)[1:] == [
        (
            "user",
            '<tool_result name="g" id="2">\nB\n</tool_result>\n\n'
            '<tool_result name="f" id="1">\nA\n</tool_result>',
        ),
        ("user", "x"),
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (result("unknown", "A"), '<tool_result id="unknown">\nA\n</tool_result>'),
        (result(None, "A", name="g"), '<tool_result name="g">\nA\n</tool_result>'),
        (result(None, "A"), "<tool_result>\nA\n</tool_result>"),
        (result('a"b', "A", name="g"), '<tool_result name="g" id="a&quot;b">\nA\n</tool_result>'),
        (result("c1", "A", "B"), '<tool_result name="f" id="c1">\nA\n\nB\n</tool_result>'),
        (result("c1"), '<tool_result name="f" id="c1">\n\n</tool_result>'),
    ],
)
def test_a_result_says_whose_it_is_as_far_as_that_is_known(given: Message, expected: str):
    assert texts(calling(call("c1")), given)[1] == ("user", expected)


def test_results_that_are_missing_or_doubled_are_no_matter():
    written = texts(calling(call("1"), call("2")), result("1", "A"), result("1", "B"), user("x"))
    assert [text.count("tool_result") for _, text in written] == [0, 4, 0]


def test_an_id_used_again_means_its_last_call():
    written = texts(calling(call("1", "f")), result("1", "A"), calling(call("1", "g")), result("1", "B"))
    assert 'name="f"' in written[1][1]
    assert 'name="g"' in written[3][1]


def test_parts_and_attachments_of_a_result_keep_their_order():
    (message,) = history.written([result("c", "before", PICTURE, "after")])
    assert message.parts == [
        TextPart('<tool_result id="c">'),
        TextPart("before"),
        PICTURE,
        TextPart("after"),
        TextPart("</tool_result>"),
    ]


# The last round.


@pytest.mark.parametrize(
    ("messages", "start"),
    [
        ([user("a"), calling(call("1")), result("1", "A")], 1),
        ([user("a"), calling(call("1"), call("2")), result("2", "B"), result("1", "A")], 1),
        ([user("a"), calling(call("1")), result("1", "A"), user("b")], 4),
        ([user("a"), calling(call("1"))], 2),
        ([user("a"), result("1", "A")], 2),
        ([calling(call("1")), result("1", "A")], 2),
        ([user("a"), calling(call("1"), call("2")), result("1", "A")], 3),
        ([user("a"), calling(call("1")), result("1", "A"), result("1", "A")], 4),
        ([user("a"), calling(call("1")), result("2", "A")], 3),
        ([user("a"), calling(call("")), result(None, "A")], 3),
        ([user("a"), calling(call("1"), call("1")), result("1", "A"), result("1", "A")], 4),
        ([user("a"), calling(call("1")), result("1", PICTURE)], 3),
        ([], 0),
    ],
)
def test_the_last_round_is_one_that_the_protocol_has_fields_for(messages: list[Message], start: int):
    assert history.last_round(messages) == start
