from __future__ import annotations

import pytest

from app.tools.tags import UNDECIDED, Tag, closing_tag, opening_tag

KINDS = {"invoke", "tool", "x:y"}


@pytest.mark.parametrize(
    ("text", "name", "value", "is_empty"),
    [
        ("<invoke>", "invoke", None, False),
        ('<invoke name="a b">', "invoke", "a b", False),
        ("<invoke name='a'/>", "invoke", "a", True),
        ("<invoke\nname\n=\na\n>", "invoke", "a", False),
        ('<invoke id="1" name="a" name="b">', "invoke", "a", False),
        ('<invoke name=" a&amp;&quot; ">', "invoke", 'a&"', False),
        ("<invoke=a>", "invoke", "a", False),
        ('<invoke = "a" />', "invoke", "a", True),
        ("<p:invoke name=a>", "p:invoke", "a", False),
        ("<x:y>", "x:y", None, False),
    ],
)
def test_an_opening_tag_is_read_once_it_is_whole(text: str, name: str, value: str | None, is_empty: bool):
    tag = opening_tag(text + " <more>", 0, KINDS)
    assert isinstance(tag, Tag)
    assert (tag.name, tag.value, tag.is_empty, tag.end) == (name, value, is_empty, len(text))
    for end in range(1, len(text)):
        assert opening_tag(text[:end], 0, KINDS) is UNDECIDED


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "< invoke>",
        "<invoked>",
        "<Invoke>",
        "<div>",
        "</invoke>",
        "<invoke name>",
        "<invoke name of",
        "<invoke <",
        '<invoke name="<',
        "<invoke" + " " * 80,
        "<a:b:invoke>",
        "<" + "x" * 200,
        '<invoke name="' + "x" * 300,
    ],
)
def test_what_can_become_no_such_tag_is_none(text: str):
    assert opening_tag(text, 0, KINDS) is None


def test_any_tag_is_read_where_all_names_will_do():
    tag = opening_tag("<some-thing>", 0, None)
    assert isinstance(tag, Tag)
    assert tag.kind == "some-thing"
    assert opening_tag("</a>", 0, None) is None


@pytest.mark.parametrize("text", ["</tool>", "</tool  >", "</tool\n>"])
def test_a_closing_tag_is_read_once_it_is_whole(text: str):
    assert closing_tag(text + ">", 0, KINDS) == len(text)
    for end in range(1, len(text)):
        assert closing_tag(text[:end], 0, KINDS) is UNDECIDED


@pytest.mark.parametrize(
    "text", ["", "</tools>", "</to ol", "</ tool>", "<tool>", "</p:tool>", "</tools", "x"]
)
def test_what_closes_no_such_tag_is_none(text: str):
    assert closing_tag(text, 0, KINDS) is None
