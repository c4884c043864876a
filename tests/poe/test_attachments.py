"""Where the attachments of a conversation go in a query."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from app.conversation import HostedPart, Message, Role, TextPart
from app.poe.attachments import SHOWN_IMAGES, placed

CDN = "https://pfst.cf2.poecdn.net/base/image"


def hosted(name: str) -> HostedPart:
    return HostedPart(f"{CDN}/{name}", "image/png", name)


def user(*names: str) -> Message:
    return Message(Role.USER, [TextPart("text"), *map(hosted, names)])


def tool(*names: str) -> Message:
    return Message(Role.TOOL, [*map(hosted, names)])


def system(*names: str) -> Message:
    return Message(Role.SYSTEM, [TextPart("be brief"), *map(hosted, names)])


def bot(*names: str, shows: Sequence[str] = ()) -> Message:
    shown = " ".join(f"![an image]({CDN}/{name})" for name in shows)
    return Message(Role.ASSISTANT, [TextPart(f"Here: {shown}"), *map(hosted, names)])


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([], {}),
        ([user()], {}),
        ([user("a", "b")], {0: "ab"}),
        ([user("a"), bot(), user("b")], {0: "a", 2: "b"}),
        ([user("a", "a")], {0: "aa"}),
        ([system("a"), user("b")], {1: "ab"}),
        ([user("a"), bot("b"), user("c")], {0: "a", 2: "bc"}),
        ([user("a"), bot(), tool("b"), tool("c"), user("d")], {0: "a", 4: "bcd"}),
        ([user("a"), bot(), tool("b")], {0: "ab"}),
        ([user("a"), bot("b")], {0: "ab"}),
        ([user(), bot(), user(), bot(), tool("a"), tool("b")], {2: "ab"}),
        ([system("a"), bot("b")], {0: "a", 1: "b"}),
        ([tool("a")], {0: "a"}),
    ],
)
def test_attachments_go_to_a_message_of_the_user(messages: list[Message], expected: dict[int, str]) -> None:
    found = {index: "".join(part.name for part in parts) for index, parts in placed(messages).items()}
    assert found == expected


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([user(), bot(shows="a"), user()], {2: "a"}),
        ([user(), bot(shows="ab"), user("c")], {2: "abc"}),
        ([user(), bot(shows="a"), user(), bot(shows="b"), user()], {2: "a", 4: "b"}),
        ([user(), bot(shows="a"), user(), bot(shows="a"), user()], {4: "a"}),
        ([user(), bot(shows="aa"), user()], {2: "a"}),
        ([user(), bot(shows="a"), user("a")], {2: "a"}),
        ([user("a"), bot(shows="a"), user()], {0: "a"}),
        ([user(), bot(shows="a")], {}),
        ([bot(shows="a")], {}),
        ([user(), bot("b", shows="a"), tool("c"), user("d")], {3: "abcd"}),
        ([Message(Role.USER, [TextPart(f"![]({CDN}/a)")])], {}),
        ([system(), Message(Role.TOOL, [TextPart(f"![]({CDN}/a)")]), user()], {}),
    ],
)
def test_images_that_the_bot_has_shown_go_to_the_next_message(
    messages: list[Message], expected: dict[int, str]
) -> None:
    found = {index: "".join(part.name for part in parts) for index, parts in placed(messages).items()}
    assert found == expected


def test_of_shown_images_the_latest_are_attached() -> None:
    names = [f"{number:02}" for number in range(25)]
    messages = [user(), bot(shows=names[:20]), user(), bot(shows=names[20:]), user()]
    found = placed(messages)
    assert SHOWN_IMAGES == 10
    assert [part.name for part in found[2]] == names[15:20]
    assert [part.name for part in found[4]] == names[20:]


def test_own_attachments_are_not_bounded_by_that() -> None:
    names = [f"{number}" for number in range(30)]
    assert [part.name for part in placed([user(*names)])[0]] == names


def test_others_have_their_turn() -> None:
    turns: list[None] = []
    placed([user(), bot(shows=[f"{number}" for number in range(1000)]), user()], lambda: turns.append(None))
    assert len(turns) >= 1000
