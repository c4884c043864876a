from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.answer.deltas import Restart, Text
from app.answer.files import IMAGE_WINDOW, WINDOW, Files
from app.poe.events import File
from tests.work import calls

from .strategies import WIDTHS, batched, cut, fragments, pieces, plain, run, whole

CAT = File("https://cdn/cat", "image/png", "cat.png", "ab")
DOG = File("https://cdn/dog", "text/plain", "dog.txt", "cd")
LOOSE = File("https://cdn/loose", "image/png", "loose.png")


def texts(said: str, width: int = 10**6) -> list[Text]:
    return [Text(piece) for piece in pieces(said, width)]


def answer(*items: Any) -> str:
    return whole(run(Files(), [[item] for item in items]))[0]


REFERENCES = {
    "![A cat][ab]": "![A cat](https://cdn/cat)",
    "[a cat][ab]": "[a cat](https://cdn/cat)",
    "[ab]": "[ab](https://cdn/cat)",
    "![ab]": "![ab](https://cdn/cat)",
    "See [ab], or ![it][ab]!": "See [ab](https://cdn/cat), or ![it](https://cdn/cat)!",
    "[ab][ab]": "[ab](https://cdn/cat)",
    "![][ab]": "![](https://cdn/cat)",
    "- [ab]\n- [x]": "- [ab](https://cdn/cat)\n- [x]",
    "[ab] [cd]": "[ab](https://cdn/cat) [cd]",
    "[t][zz] [ab]": "[t][zz] [ab](https://cdn/cat)",
    "a\n![b][ab]\n\n": "a\n![b](https://cdn/cat)\n\n",
}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("said", REFERENCES)
def test_a_reference_becomes_a_link_when_its_file_came_before(said: str, width: int):
    assert answer(CAT, *texts(said, width)) == REFERENCES[said]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("said", REFERENCES)
def test_a_reference_becomes_a_link_when_its_file_comes_after(said: str, width: int):
    assert answer(*texts(said, width), CAT) == REFERENCES[said]


@pytest.mark.parametrize("place", range(len("See ![A cat][ab] there.") + 1))
def test_a_reference_becomes_a_link_wherever_its_file_comes(place: int):
    said = "See ![A cat][ab] there."
    assert answer(Text(said[:place]), CAT, Text(said[place:])) == "See ![A cat](https://cdn/cat) there."


def test_two_files_come_after_their_references_in_any_order():
    said = Text("![a][ab] and [b][cd].")
    expected = "![a](https://cdn/cat) and [b](https://cdn/dog)."
    assert answer(said, CAT, DOG) == answer(said, DOG, CAT) == answer(CAT, said, DOG) == expected


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    "said",
    [
        "[ab](https://elsewhere)",
        "[t](ab)",
        "[a b]",
        "[ab\n]",
        "[]",
        "[][]",
        "[ab",
        "ab]",
        "][ab",
        "![t][zz]",
        "[zz]: https://elsewhere",
        "x = a[0][1]",
        "[" * 40,
        "]" * 40,
        "[t][" + "x" * 300 + "]",
        "- [ ] todo\n- [x] done",
        "",
    ],
)
def test_brackets_that_are_no_reference_stay_to_the_byte(said: str, width: int):
    assert answer(*texts(said, width)) == said
    known = answer(File("https://cdn/used", inline_ref="used"), *texts(said + "\n[used]", width))
    assert known == said + "\n[used](https://cdn/used)"


def test_files_that_no_text_refers_to_are_appended():
    assert (
        answer(Text("Here:"), LOOSE, DOG)
        == "Here:\n\n![loose.png](https://cdn/loose)\n\n[dog.txt](https://cdn/dog)"
    )


@pytest.mark.parametrize(
    ("said", "gap"), [("", ""), ("a", "\n\n"), ("a\n", "\n"), ("a\n\n", ""), ("\n", "\n")]
)
@pytest.mark.parametrize("width", [1, 9])
def test_an_appended_file_is_a_paragraph_of_its_own(said: str, gap: str, width: int):
    assert answer(*texts(said, width), LOOSE) == f"{said}{gap}![loose.png](https://cdn/loose)"


def test_a_file_is_appended_if_the_text_that_refers_to_it_is_void():
    assert answer(CAT, Text("![a][ab]"), Restart(), Text("b")) == "b\n\n![cat.png](https://cdn/cat)"


@pytest.mark.parametrize(
    ("file", "link"),
    [
        (File("https://cdn/x/report.pdf?sig=1"), "[report.pdf](https://cdn/x/report.pdf?sig=1)"),
        (File("https://cdn/"), "[file](https://cdn/)"),
        (File("https://cdn/a b(1)", name="a"), "[a](https://cdn/a%20b%281%29)"),
        (File("https://cdn/a", name="[x]\\\ny"), "[\\[x\\]\\\\ y](https://cdn/a)"),
        (File("https://cdn/\u3000<é>", name="a"), "[a](https://cdn/%E3%80%80%3Cé%3E)"),
    ],
)
def test_names_and_addresses_cannot_break_the_link(file: File, link: str):
    assert answer(file) == link


def test_an_unknown_reference_waits_for_its_file_no_longer_than_the_window():
    stage = Files()
    assert whole(stage.feed([Text("[ab] ")]))[0] == "[ab]"
    assert stage.feed([Text("x" * WINDOW)]) == []
    assert whole(stage.feed([Text("go on")]))[0] == " " + "x" * WINDOW + "go on"


def test_an_image_waits_longer():
    stage = Files()
    stage.feed([Text("![cat][ab] ")])
    assert stage.feed([Text("x" * (IMAGE_WINDOW - 1))]) == []
    assert whole(stage.feed([CAT]))[0].startswith("(https://cdn/cat) x")


def test_a_file_that_comes_after_the_window_is_appended():
    late = ["[ab] ", "x" * WINDOW, "go on"]
    assert answer(*map(Text, late), CAT) == "".join(late) + "\n\n![cat.png](https://cdn/cat)"


WORDS = File("https://cdn/words", "text/plain", "words.txt", "note")


def test_a_bracketed_word_holds_nothing_that_comes_with_another_event():
    stage, said, shown = Files(), "", ""
    for event in ("See [note]", " it is", " said [TODO] that", " [[Page]]", " and", " on"):
        shown += whole(stage.feed([Text(event)]))[0]
        head, bracket, _ = event.partition("]")
        assert shown.startswith(said + head + bracket)
        said += event
    assert shown == said


def test_a_word_is_a_reference_if_the_next_event_says_so():
    assert answer(Text("See [note]"), WORDS, Text(" it")) == "See [note](https://cdn/words) it"
    assert answer(Text("See [note] it"), WORDS) == "See [note](https://cdn/words) it"
    late = answer(Text("See [note] it"), Text(" is"), WORDS)
    assert late == "See [note] it is\n\n[words.txt](https://cdn/words)"


@pytest.mark.parametrize(
    "said", ["Words (and more): ", "a[0] = b[i]; ", "[t](u) ", "[a b] ", "[1] ", "] ", "! "]
)
def test_what_cannot_be_a_reference_is_not_waited_for(said: str):
    stage = Files()
    for _ in range(3):
        assert len(whole(stage.feed([Text(said)]))[0]) == len(said)


@pytest.mark.parametrize(
    "said", ["[ab]", "[ab] ", "[INFO] line\n", "![a][bc] ", "[t][ab]", "[", "[a", "[ab]["]
)
def test_what_is_held_stays_small_however_many_brackets_there_are(said: str):
    """Text that is held back is searched again: as it is bounded, the cost is linear."""
    stage = Files()
    for piece in pieces(said * 3000, 3):
        stage.feed([Text(piece)])
        assert stage._held_size <= IMAGE_WINDOW + len(piece)


def test_a_bot_that_writes_many_brackets_is_shown_as_it_goes():
    stage = Files()
    lines = [f"[INFO] line {number}\n" for number in range(1000)]
    shown = whole(stage.feed([Text("".join(lines))]) + stage.feed([Text("[INFO] more")]))[0]
    assert len(shown) >= len("".join(lines)) - 2 * WINDOW


@pytest.mark.parametrize(
    "repeated", ["[a]", "[ab]", "[t](u)", "[1][2]", "![a][b]", "[", "]", "[\n", " [word]"]
)
def test_brackets_that_cannot_be_references_pass_in_one_go(repeated: str):
    said = repeated * (200_000 // len(repeated))

    def work(parts: list[Text]) -> int:
        return calls(lambda: run(Files(), [[part] for part in parts]))

    assert work(texts(said, 16_384)) < 5000


@given(st.data())
def test_cuts_change_nothing_once_the_files_are_known(data: st.DataObject):
    text = data.draw(fragments(30))
    parts = [Text(part) for part in data.draw(cut(text))]
    expected = answer(CAT, DOG, LOOSE, Text(text))
    assert answer(CAT, DOG, LOOSE, *parts) == expected
    assert whole(run(Files(), [[CAT, DOG, LOOSE, *parts]]))[0] == expected


@given(st.data())
def test_cuts_change_nothing_while_files_come_within_the_window(data: st.DataObject):
    first, second = data.draw(fragments(8)), data.draw(fragments(8))
    first, second = first[: WINDOW // 2], second[: WINDOW // 2]
    expected = answer(Text(first), CAT, Text(second), DOG)
    parts = [
        *map(Text, data.draw(cut(first))),
        CAT,
        *map(Text, data.draw(cut(second))),
        DOG,
    ]
    assert answer(*parts) == expected


@given(st.data())
def test_batches_change_nothing(data: st.DataObject):
    item = st.one_of(fragments().map(Text), st.sampled_from([CAT, DOG, LOOSE, Restart()]))
    items = data.draw(st.lists(item, max_size=12))
    assert whole(run(Files(), data.draw(batched(items)))) == whole(run(Files(), [items]))


@given(st.data())
def test_text_without_files_passes_unchanged(data: st.DataObject):
    text = data.draw(fragments(30) | plain())
    assert answer(*map(Text, data.draw(cut(text)))) == text


@given(st.data())
def test_the_text_around_links_passes_unchanged(data: st.DataObject):
    text = data.draw(fragments(20))
    linked = answer(CAT, *map(Text, data.draw(cut(text + " [ab]"))))
    assert linked.endswith(" [ab](https://cdn/cat)")
    back = linked.replace("[ab](https://cdn/cat)", "[ab]")
    assert back.count("(https://cdn/cat)") <= text.count("[ab]")
