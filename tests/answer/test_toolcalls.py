from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.answer.deltas import Reasoning, Restart, Text, ToolCallArguments, ToolCallStart
from app.answer.toolcalls import ToolCalls
from app.conversation import Tool
from tests.work import calls

from .strategies import WIDTHS, cut, merged, pieces, run


def tool(name: str, **properties: Any) -> Tool:
    return Tool(name, parameters={"type": "object", "properties": properties})


STRING = {"type": "string"}
TOOLS = (
    tool("get_weather", city=STRING, days={"type": "integer"}),
    tool("write_file", path=STRING, content=STRING),
    tool(
        "search",
        query=STRING,
        limit={"type": "integer"},
        ratio={"type": "number"},
        exact={"type": "boolean"},
        tags={"type": "array"},
        where={"type": "object"},
        nothing={"type": "null"},
        order={"enum": ["new", "old"]},
        page={"type": ["string", "integer"]},
        since={"anyOf": [STRING, {"type": "null"}]},
        until={"anyOf": [STRING, {"type": "null"}]},
    ),
    tool("now"),
    Tool("note"),
)


def stage(**options: Any) -> ToolCalls:
    ids = (f"call_{index}" for index in count())
    return ToolCalls(TOOLS, lambda: next(ids), **options)


def read(parts: Iterable[str], **options: Any) -> tuple[str, list[tuple[str, str]]]:
    """The text and the calls (name, arguments) of an answer that comes in ``parts``."""
    return joined(run(stage(**options), [[Text(part)] for part in parts]))


def joined(deltas: Iterable[Any]) -> tuple[str, list[tuple[str, str]]]:
    text = ""
    calls: list[tuple[str, str]] = []
    for delta in deltas:
        match delta:
            case Text(more):
                text += more
            case ToolCallStart(index, _, name):
                assert index == len(calls)
                calls.append((name, ""))
            case ToolCallArguments(index, more):
                assert index == len(calls) - 1
                calls[-1] = (calls[-1][0], calls[-1][1] + more)
            case Restart():
                text = ""
    return text, calls


def decoded(calls: Iterable[tuple[str, str]]) -> list[tuple[str, Any]]:
    return [(name, json.loads(arguments, object_pairs_hook=without_duplicates)) for name, arguments in calls]


def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def settled(deltas: Iterable[Any]) -> list[Any]:
    """The same deltas with adjacent ones of a kind joined, including arguments."""
    out: list[Any] = []
    for delta in merged(deltas):
        if isinstance(delta, ToolCallArguments) and isinstance(out[-1], ToolCallArguments):
            out[-1] = ToolCallArguments(delta.index, out[-1].arguments + delta.arguments)
        else:
            out.append(delta)
    return out


# The corpus. In a file, "=== " begins a transcript with its name; what the bot wrote follows, then
# "--- text" with the text and "--- call NAME" with the arguments of each call that must come out.


class Transcript(NamedTuple):
    said: str
    text: str
    calls: list[tuple[str, Any]]


def transcripts() -> Iterator[tuple[str, Transcript]]:
    for path in sorted(Path(__file__).with_name("transcripts").glob("*.txt")):
        for block in re.split(r"^=== ", path.read_text("utf-8") + "\n", flags=re.MULTILINE)[1:]:
            name, _, body = block.removesuffix("\n\n").partition("\n")
            said, *outcome = re.split(r"^--- ", body + "\n", flags=re.MULTILINE)
            text = outcome[0].removeprefix("text\n").removesuffix("\n")
            calls = [each.partition("\n")[::2] for each in outcome[1:]]
            found = [(each.removeprefix("call "), json.loads(arguments)) for each, arguments in calls]
            yield f"{path.stem}: {name}", Transcript(said.removesuffix("\n"), text, found)


TRANSCRIPTS = dict(transcripts())


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_calls_are_read_whatever_the_cut(name: str, width: int):
    said, text, calls = TRANSCRIPTS[name]
    found_text, found = read(pieces(said, width))
    assert found_text == text
    assert decoded(found) == calls
    assert settled(run(stage(), [[Text(each)] for each in pieces(said, width)])) == settled(
        run(stage(), [[Text(said)]])
    )


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_what_has_gone_out_depends_on_the_text_so_far_alone(name: str):
    said = TRANSCRIPTS[name].said
    one = stage()
    out: list[Any] = []
    for end, character in enumerate(said, 1):
        out += one.feed([Text(character)])
        whole = stage()
        assert settled(out) == settled(whole.feed([Text(said[:end])]))
        assert (one.called, one.is_over) == (whole.called, whole.is_over)


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_an_answer_that_ends_anywhere_has_valid_arguments(name: str):
    said = TRANSCRIPTS[name].said
    for end in range(len(said)):
        text, calls = read([said[:end]])
        assert all(isinstance(arguments, dict) for _, arguments in decoded(calls))
        assert text == said[:end] or (calls and said.startswith(text))


FRAGMENTS = (
    *("<tool_call>", "</tool_call>", "<function_calls>", "</function_calls>"),
    *(
        '<invoke name="now">',
        '<invoke name="write_file">',
        '<invoke name="other">',
        "</invoke>",
        "<tool name='now'/>",
    ),
    *('<parameter name="path">', '<parameter name="content">', '<parameter name="limit"/>', "</parameter>"),
    *("<function=write_file>", "<parameter=path>", "</function>", "<x:invoke name=now>", "</x:invoke>"),
    *("<write_file>", "<path>", "</path>", "<content>", "</content>", "</write_file>", "<now/>"),
    *(
        '{"name": "now"',
        ', "arguments": ',
        '"',
        "{",
        "}",
        "[",
        "]",
        ",",
        "\\",
        '{"name":"now","arguments":{}}',
    ),
    *("```", "```xml\n", "```json\n", "```python\n", "\n```\n", "`", "``"),
    *(
        "<![CDATA[",
        "]]>",
        "]]",
        "&amp;",
        "&lt;",
        "&",
        "&#10;",
        "<",
        ">",
        "</",
        "</par",
        "<inv",
        "<tool_result>",
    ),
    *("\n", "\n\n", "\r\n", " ", "word", "12", "true", "é", "🧑‍🚀"),
)


def fragments() -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(FRAGMENTS), max_size=20).map("".join)


@given(st.data())
def test_cuts_change_nothing(data: st.DataObject):
    text = data.draw(fragments())
    parts = data.draw(cut(text))
    once = settled(run(stage(), [[Text(text)]]))
    assert settled(run(stage(), [[Text(part)] for part in parts])) == once
    assert settled(run(stage(), [[Text(part) for part in parts]])) == once


@given(st.data())
def test_text_comes_back_unchanged_unless_it_holds_a_call(data: st.DataObject):
    text = data.draw(fragments())
    found, calls = read(data.draw(cut(text)))
    assert found == text or (calls and text.startswith(found))
    decoded(calls)


@given(st.data())
def test_text_without_an_offered_name_comes_back_unchanged(data: st.DataObject):
    text = data.draw(st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=5), max_size=20).map("".join))
    for name in ("now", "write_file"):
        text = text.replace(name, "else")
    assert read(data.draw(cut(text))) == (text, [])


# The notation, there and back.

CODE = (
    *(
        "</div>",
        "<p class='x'>",
        "if (a[b[0]]>c && d) {\n",
        "</parameter>",
        "</invoke>",
        "</tool_call>",
        "]]>",
        "<![CDATA[",
    ),
    *(
        '<parameter name="x">',
        '<invoke name="now">',
        "<tool_call>",
        '{"a": [1, "]]"]}',
        "&nbsp;",
        "&amp;",
        "&",
        "&#10;",
    ),
    *("\n", "\n\n", "  ", "\t", "\r\n", '"', "'", "\\n", "```xml\n", "日本", "\x00", "\u2028", "word"),
)


def survives(value: str) -> bool:
    """Whether the notation can express ``value``: docs/tools.md says what it cannot."""
    ends = re.search(r"</parameter>\s*(?:</invoke>|<parameter name=)", value)
    entity = re.match(r"[^<>&]*&(?:amp|lt|gt|quot|apos|#\d+|#[xX][0-9a-fA-F]+);", value)
    lines = re.fullmatch(r"\r?\n[^\n]*\n", value)
    return not (ends or entity or lines or value.lstrip().startswith("<![CDATA["))


def values() -> st.SearchStrategy[str]:
    text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
    return st.lists(st.sampled_from(CODE) | text, max_size=10).map("".join).filter(survives)


@given(st.data())
def test_values_come_back_to_the_byte(data: st.DataObject):
    path, content = data.draw(values()), data.draw(values())
    said = (
        '<tool_call>\n<invoke name="write_file">\n'
        f'<parameter name="path">{path}</parameter>\n<parameter name="content">{content}</parameter>\n'
        "</invoke>\n</tool_call>"
    )
    text, calls = read(data.draw(cut(said)))
    assert (text, decoded(calls)) == ("", [("write_file", {"path": path, "content": content})])


@given(st.data())
def test_other_values_come_back_as_they_were(data: st.DataObject):
    value = data.draw(
        st.fixed_dictionaries(
            {
                "limit": st.integers(),
                "ratio": st.floats(allow_nan=False, allow_infinity=False),
                "exact": st.booleans(),
                "tags": st.lists(st.integers() | st.booleans() | st.none()),
                "nothing": st.none(),
                "page": st.integers(-100, 100),
            }
        )
    )
    parameters = "\n".join(
        f'<parameter name="{key}">{json.dumps(each)}</parameter>' for key, each in value.items()
    )
    _, calls = read(data.draw(cut(f'<invoke name="search">\n{parameters}\n</invoke>')))
    assert decoded(calls) == [("search", value)]


# What goes out when.

BEFORE_CONTENT = '<invoke name="write_file"><parameter name="content">'


def test_text_leaves_at_once():
    one = stage()
    for each in ("The", " answer. ", "1 < 2", " and <b>", " `x`", " a <tool_box", "> b"):
        assert one.feed([Text(each)]) == [Text(each)] or each in (" `x`", " a <tool_box", "> b")
    assert one.feed([Text(".")]) == [Text(".")]


def test_only_what_may_be_a_marker_is_held():
    one = stage()
    assert one.feed([Text("See <tool_call")]) == [Text("See ")]
    assert one.feed([Text(">\n<invoke")]) == []
    assert one.feed([Text(" it")]) == []
    assert one.feed([Text(" is")]) == [Text("<tool_call>\n<invoke it is")]


def test_arguments_leave_while_they_are_written():
    one = stage()
    assert one.feed([Text(BEFORE_CONTENT)]) == [ToolCallStart(0, "call_0", "write_file")]
    assert one.feed([Text("import")]) == [ToolCallArguments(0, '{"content":"import')]
    assert one.feed([Text(' "os"\n')]) == [ToolCallArguments(0, ' \\"os\\"\\n')]
    assert one.feed([Text("</para")]) == []
    assert one.feed([Text("graph>")]) == [ToolCallArguments(0, "</paragraph>")]
    assert one.feed([Text("</parameter></invoke>")]) == [ToolCallArguments(0, '"}')]


def test_a_long_value_does_not_come_in_one_piece():
    one = stage()
    one.feed([Text(BEFORE_CONTENT)])
    lines = [f"line {number}\n" for number in range(3000)]
    assert all(one.feed([Text(line)]) for line in lines)


LONG = r"line of \"code\" </tool_call>\n" * 400  # as JSON writes it


@pytest.mark.parametrize(
    "said",
    [
        f'<tool_call>{{"name": "write_file", "arguments": {{"path": "a", "content": "{LONG}"}}}}</tool_call>',
        f'<tool_calls>[{{"name": "write_file", "input": {{"content": "{LONG}"}}}}, {{"name": "now"}}]',
        f'<function=write_file>{{"path": "a", "content": "{LONG}"}}</function>',
        f'<tool_call>\n```json\n{{"name": "write_file", "parameters": {{"content": "{LONG}"}}}}\n```\n',
    ],
    ids=["wrapped", "list", "function", "fence"],
)
def test_a_long_call_in_json_leaves_while_it_is_written(said: str):
    _, calls = read([said])
    assert decoded(calls)[0][1]["content"] == json.loads(f'"{LONG}"')
    assert len(calls) == (2 if said.startswith("<tool_calls>") else 1)
    for width in WIDTHS:
        deltas = run(stage(), [[Text(part)] for part in pieces(said, width)])
        assert joined(deltas) == ("", calls)
        if width == 9:
            assert max(len(each.arguments) for each in deltas if isinstance(each, ToolCallArguments)) < 5000
    for end in range(4000, len(said), 97):
        assert all(isinstance(arguments, dict) for _, arguments in decoded(read([said[:end]])[1]))


@given(st.data())
def test_cuts_change_nothing_in_a_long_call_in_json(data: st.DataObject):
    before = '<tool_call>{"name": "write_file", "arguments": {"content": "' + "x" * 4030
    text = before + data.draw(st.lists(st.sampled_from(("x" * 30, *FRAGMENTS)), max_size=12).map("".join))
    once = settled(run(stage(), [[Text(text)]]))
    assert settled(run(stage(), [[Text(part)] for part in data.draw(cut(text))])) == once
    decoded(joined(once)[1])


def test_a_value_that_may_be_null_leaves_once_it_is_not():
    one = stage()
    one.feed([Text('<invoke name="search"><parameter name="since">')])
    assert one.feed([Text("Monday")]) == [ToolCallArguments(0, '{"since":"Monday')]


def test_a_call_begins_once_it_is_certain():
    one = stage()
    assert one.feed([Text('<tool_call>\n<invoke name="now">\n</')]) == []
    assert one.feed([Text("invoke>")]) == [ToolCallStart(0, "call_0", "now"), ToolCallArguments(0, "{}")]
    assert one.called
    assert not one.is_over


def test_the_answer_is_over_with_what_follows_a_call():
    one = stage()
    one.feed([Text('<tool_call><invoke name="now"/>\n</tool_call>\n')])
    assert not one.is_over
    one.feed([Text("<tool_")])
    assert not one.is_over
    assert one.feed([Text("result>")]) == []
    assert one.is_over
    assert one.feed([Text('<invoke name="now"/>'), Reasoning("Hm.")]) == []
    assert one.finish() == []


def test_the_answer_is_over_with_one_call_unless_parallel():
    one = stage(parallel=False)
    said = '<tool_call><invoke name="now"/><invoke name="now"/>'
    assert joined(one.feed([Text(said)])) == ("", [("now", "{}")])
    assert one.is_over


def test_an_answer_without_a_call_says_so():
    one = stage()
    run(one, [[Text("No <tool")]])
    assert not one.called


def test_reasoning_passes_and_does_not_disturb():
    one = stage()
    out = run(
        one, [[Reasoning("a"), Text("<inv")], [Reasoning("b")], [Text('oke name="now"/>'), Reasoning("c")]]
    )
    assert [each.text for each in out if isinstance(each, Reasoning)] == ["a", "b", "c"]
    assert joined(out) == ("", [("now", "{}")])


def test_a_restart_voids_text_and_what_is_held():
    out = run(stage(), [[Text("Let me <tool_ca")], [Restart(), Text('ll><invoke name="now"/>')]])
    assert Restart() in out
    assert joined(out) == ("ll>", [("now", "{}")])


def test_a_restart_behind_a_call_is_the_end():
    one = stage()
    out = one.feed([Text("Now: "), Text(BEFORE_CONTENT + "a"), Restart(), Text('<invoke name="now"/>')])
    assert one.is_over
    assert Restart() not in out
    assert joined(out) == ("Now: ", [("write_file", '{"content":"a"}')])


# Cost.

OPEN = {
    "signs": ("", "<"),
    "tags": ("", "<tool_call>"),
    "calls to others": ("", '<invoke name="x">'),
    "wrappers of several kinds": ("", "<tool_call>\n<function_calls>"),
    "names begun": ("", "<invoke name="),
    "prefixes": ("", "<x:"),
    "tags begun": ("", "<invoke a='b' "),
    "spaces": ("", " \n"),
    "wrapped spaces": ("<tool_call>", " "),
    "backticks": ("", "`"),
    "fences": ("", "```\n"),
    "broken JSON": ("", '<tool_call>{"a":"b",'),
    "JSON never closed": ("", '<tool_call>{"'),
    "a long call in JSON": ('<tool_call>{"name": "now", "arguments": {"a": "', "x"),
    "nesting in JSON": ('<tool_call>{"name": "now", "arguments": {"a": ', '{"a": '),
    "an open string": ('<tool_call>{"a":"', "<tool_call>{'"),
    "signs in a value": (BEFORE_CONTENT, "<"),
    "closing tags in a value": (BEFORE_CONTENT, "</parameter>"),
    "parameters in a value": (BEFORE_CONTENT, '<parameter name="a">'),
    "calls in a value": (BEFORE_CONTENT, "</invoke><invoke name='now'>"),
    "closing tags of keys": ("<note><a>", "</a>"),
    "closing tags and spaces in a value": (BEFORE_CONTENT, "</parameter>" + " " * 50),
    "one long line": (BEFORE_CONTENT + "\n", "x"),
    "entities": (BEFORE_CONTENT, "&amp;"),
    "CDATA": (BEFORE_CONTENT + "<![CDATA[", "]]>"),
    "calls": ("", '<invoke name="now"/>'),
}


@pytest.mark.parametrize("name", OPEN)
def test_what_is_held_stays_small(name: str):
    """Text that is held back is searched again with every piece: as it is bounded, the cost is linear."""
    before, repeated = OPEN[name]
    one = stage()
    for part in pieces(before + repeated * (30000 // len(repeated)), 7):
        one.feed([Text(part)])
        assert len(one._held) <= 4096


@pytest.mark.parametrize("width", [100, 10**7])
@pytest.mark.parametrize("name", OPEN)
def test_work_grows_with_the_text_alone(name: str, width: int):
    before, repeated = OPEN[name]

    def work(size: int) -> int:
        parts = pieces(before + repeated * (size // len(repeated)), width)
        return calls(lambda: read(parts))

    assert work(200_000) < 5 * work(50_000) + 500


def test_two_megabytes_of_signs_are_looked_at_in_one_go():
    said = "<" * 2_000_000
    assert calls(lambda: read([said])) < 1000
    assert read([said]) == (said, [])
