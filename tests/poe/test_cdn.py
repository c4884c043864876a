"""Which URLs are on Poe's CDN, and which images from there Markdown shows."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from app.poe import cdn


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("https://poecdn.net/", True),
        ("https://a.b-c.d_e.poecdn.net/x", True),
        ("https://PoeCDN.net:443/x", True),
        ("http://poecdn.net/", False),
        ("ftp://poecdn.net/", False),
        ("//poecdn.net/", False),
        ("https://poecdn.net:80/", False),
        ("https://poecdn.net:0/", False),
        ("https://poecdn.net./", False),
        ("https://.poecdn.net/", False),
        ("https://a..poecdn.net/", False),
        ("https://user@poecdn.net/", False),
        ("https://poecdn.net@evil.example/", False),
        ("https://evilpoecdn.net/", False),
        ("https://poecdn.net.evil.example/", False),
        ("https://evil.example\\.poecdn.net/", False),
        ("https://evil.example%2f.poecdn.net/", False),
        ("https://poecdn.net\\@evil.example/", False),
        ("https://pöecdn.net/", False),
        ("https://ａ.poecdn.net/", False),
    ],
)
def test_only_poes_own_hosts_are_the_cdn(source: str, expected: bool) -> None:
    assert cdn.holds(urlsplit(source)) is expected


CAT = "https://pfst.cf2.poecdn.net/base/image/cat"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"![a cat]({CAT})", [CAT]),
        (f"![]({CAT})", [CAT]),
        (f'Here: ![a cat]( <{CAT}> "title").', [CAT]),
        (f"![a cat]({CAT}?w=1&h=2#x)", [f"{CAT}?w=1&h=2#x"]),
        (f"![one]({CAT}1) and ![two]({CAT}2)", [f"{CAT}1", f"{CAT}2"]),
        (f"[a cat]({CAT})", []),
        (f"![a cat] ({CAT})", []),
        (f"![a cat]({CAT}_(1).png)", []),
        (f"![a cat]({CAT}\0)", []),
        (f"![a cat]({CAT}", []),
        (f"![a\ncat]({CAT})", []),
        (f"![a] cat]({CAT})", []),
        (CAT, []),
        ("![a cat](https://example.com/poecdn.net.png)", []),
        ("![a cat](https://poecdn.net.evil.example/a.png)", []),
        ("![a cat](https://evil.example\\.poecdn.net/a.png)", []),
        ("![a cat](http://poecdn.net/a.png)", []),
        ("![a cat](https://poecdn.net:x/a.png)", []),
        ("![a cat](https://[poecdn.net/a.png)", []),
        (f"![a cat][cat]\n\n[cat]: {CAT}", []),
        ("", []),
    ],
)
def test_markdown_shows_images(text: str, shown: list[str]) -> None:
    assert [part.url for part in cdn.shown_images(text)] == shown


def test_a_shown_image_has_a_type_and_a_name() -> None:
    (part,) = cdn.shown_images(f"![a cat]({CAT})")
    assert (part.content_type, part.name) == ("image/png", "cat")
    (part,) = cdn.shown_images("![a cat](https://poecdn.net/a%20b.JPG)")
    assert (part.content_type, part.name) == ("image/jpeg", "a b.JPG")


@pytest.mark.parametrize(
    "unit",
    [
        "](",
        "![",
        "](  ",
        "](<https://",
        "![](https://a ",
        "![](https://poecdn.net ",
        "![](https://poecdn.net@",
        "]( \n",
        "](https://a\n",
        "!",
        "a",
    ],
)
def test_the_cost_is_linear(unit: str) -> None:
    text = "poecdn.net](https://" + unit * (3_000_000 // len(unit))
    for _ in cdn.shown_images(text):  # else it would go on for hours
        pass
