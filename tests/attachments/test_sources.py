"""What attachments contain: accepted and refused forms, decoded alike however they are written."""

from __future__ import annotations

import base64
import contextlib
import hashlib
from typing import Any
from urllib.parse import quote, quote_from_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.attachments import sources
from app.attachments.sources import Content, Remote, Source
from app.conversation import AttachmentPart, HostedPart
from app.errors import ApiError

PATH = "messages[3].content[1]"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 2 + b"\xfb\xff\xbf"
ENCODED = base64.b64encode(PNG).decode()


def read(source: str, kind: Any = "image", **fields: Any) -> Source:
    return sources.read(AttachmentPart(kind, source, PATH, **fields), lambda: None)


def content_of(source: str, kind: Any = "image", **fields: Any) -> Content:
    found = read(source, kind, **fields)
    assert isinstance(found, Content)
    return found


def bytes_of(content: Content) -> bytes:
    """Its bytes, which must fit its description however often they are read."""
    decoded = b"".join(content.pieces())
    assert decoded == b"".join(content.pieces())
    assert content.size == len(decoded)
    assert content.digest == hashlib.sha256(decoded).hexdigest()
    return decoded


def reason_for(source: str, kind: Any = "image", **fields: Any) -> str:
    """Why ``source`` is refused."""
    with pytest.raises(ApiError) as refused:
        read(source, kind, **fields)
    assert (refused.value.status, refused.value.param) == (400, PATH)
    assert refused.value.code == "invalid_attachment"
    assert refused.value.message.startswith(PATH)
    return refused.value.message


FORMS = {
    "base64": f"data:image/png;base64,{ENCODED}",
    "upper case": f"DATA:image/png;BASE64,{ENCODED}",
    "spaces around": f"  data:image/png;base64,{ENCODED}\n",
    "a space before base64": f"data:image/png; base64,{ENCODED}",
    "a space after base64": f"data:image/png;base64 ,{ENCODED}",
    "base64 before another parameter": f"data:image/png;base64;name=a.png,{ENCODED}",
    "a charset": f"data:image/png;charset=utf-8;base64,{ENCODED}",
    "no type": f"data:;base64,{ENCODED}",
    "line breaks": "data:image/png;base64," + "\r\n".join(ENCODED[i : i + 76] for i in range(0, 700, 76)),
    "white space": "data:image/png;base64," + " \t\n\f\v".join(ENCODED),
    "the alphabet for URLs": f"data:image/png;base64,{ENCODED.translate(str.maketrans('+/', '-_'))}",
    "no padding": f"data:image/png;base64,{ENCODED.rstrip('=')}",
    "percent-encoded base64": f"data:image/png;base64,{quote(ENCODED, safe='')}",
    "all of it percent-encoded": "data:image/png;base64," + "".join(f"%{ord(each):02x}" for each in ENCODED),
    "percent-encoded": f"data:image/png,{quote_from_bytes(PNG)}",
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_data_url_holds_the_same_bytes(form: str) -> None:
    content = content_of(FORMS[form])
    assert bytes_of(content) == PNG
    assert content.content_type == "image/png"


@pytest.mark.parametrize("kind", ["file", "audio", "image"])
def test_bare_base64_holds_bytes(kind: str) -> None:
    assert bytes_of(content_of(ENCODED, kind)) == PNG


def test_bare_base64_of_an_image_must_show_or_say_that_it_is_one() -> None:
    shown = content_of(ENCODED, "image")
    assert (bytes_of(shown), shown.content_type, shown.name) == (PNG, "image/png", "image.png")
    said = content_of("QUJD", "image", format="image/webp")
    assert (bytes_of(said), said.content_type, said.name) == (b"ABC", "image/webp", "image.webp")
    for source in ("picture1", "a.png", "./a.png", "QUJD", "QUJ"):
        assert "neither an http(s) URL nor a data: URL nor base64" in reason_for(source, "image")
    assert "neither an http(s) URL nor a data: URL nor base64" in reason_for(ENCODED, "video")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("data:,hello%20world", b"hello world"),
        ("data:text/plain;charset=utf-8,%E4%B8%96", "世".encode()),
        ("data:text/plain,世界", "世界".encode()),
        ("data:,a+b%2", b"a+b%2"),
        ("data:,a,b", b"a,b"),
        ("data:,100%", b"100%"),
        ("data:text/plain;x=base64x,QQ==", b"QQ=="),
    ],
)
def test_a_data_url_may_hold_text(source: str, expected: bytes) -> None:
    content = content_of(source, "file")
    assert bytes_of(content) == expected
    assert content.content_type == "text/plain"


@pytest.mark.parametrize(
    ("source", "fields", "name", "content_type"),
    [
        (f"data:image/png;base64,{ENCODED}", {}, "image.png", "image/png"),
        (f"data:image/jpg;base64,{ENCODED}", {}, "image.jpg", "image/jpeg"),
        (f"data:;base64,{ENCODED}", {}, "image.png", "image/png"),
        (f"data:application/octet-stream;base64,{ENCODED}", {}, "image.png", "image/png"),
        (f"data:image/png;name=a%20b.png;base64,{ENCODED}", {}, "a b.png", "image/png"),
        (f'data:image/png;filename="a.png";base64,{ENCODED}', {}, "a.png", "image/png"),
        (f"data:image/png;name=%0d%0a..%2f;base64,{ENCODED}", {}, "image.png", "image/png"),
        (f"data:image/png;name=a.png;base64,{ENCODED}", {"name": "b.gif"}, "b.gif", "image/png"),
        (f"data:;base64,{ENCODED}", {"name": "b.gif"}, "b.gif", "image/gif"),
        (f"data:image/png;base64,{ENCODED}", {"format": "wav", "kind": "audio"}, "audio.wav", "audio/wav"),
        ("AAECAwQF", {"kind": "file"}, "file", None),
    ],
)
def test_name_and_type_come_from_where_they_are_told(
    source: str, fields: dict[str, Any], name: str, content_type: str | None
) -> None:
    content = content_of(source, **fields)
    assert (content.name, content.content_type) == (name, content_type)


@pytest.mark.parametrize("at", [sources._SLICE, sources._SLICE * 2])
@pytest.mark.parametrize("shift", range(-5, 6))
@pytest.mark.parametrize("between", ["\n", " \r\n "])
def test_white_space_may_stand_at_any_cut(at: int, shift: int, between: str) -> None:
    data = bytes(range(256)) * (sources._SLICE // 100)
    text = base64.b64encode(data).decode()
    content = content_of(f"data:;base64,{text[: at + shift]}{between}{text[at + shift :]}")
    assert bytes_of(content) == data


@pytest.mark.parametrize("shift", range(6))
def test_an_escape_may_stand_at_any_cut(shift: int) -> None:
    data = b"x" * shift + b"\xff\x00" * sources._PERCENT_SLICE
    assert bytes_of(content_of(f"data:,{quote_from_bytes(data)}", "file")) == data
    text = base64.b64encode(data).decode()
    percent_encoded = "".join(f"%{ord(each):02X}" for each in text)
    assert bytes_of(content_of(f"data:;base64,{percent_encoded}", "file")) == data


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_odd_shapes_of_base64_hold_the_same_bytes(drawn: st.DataObject) -> None:
    data = drawn.draw(st.binary(min_size=1, max_size=200))
    text = base64.b64encode(data).decode()
    if drawn.draw(st.booleans()):
        text = text.translate(str.maketrans("+/", "-_"))
    if drawn.draw(st.booleans()):
        text = text.rstrip("=")
    spaces = st.sampled_from(["", "", "", " ", "\r\n", "\t"])
    text = "".join(each + drawn.draw(spaces) for each in text)
    if drawn.draw(st.booleans()):
        text = quote(text, safe="")
    assert bytes_of(content_of(f"data:;base64,{text}")) == data


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=60), st.sampled_from(["", "data:", "data:;base64,", "https://", "http://a/"]))
def test_nothing_but_a_refusal_is_raised(text: str, begin: str) -> None:
    for kind in ("image", "file"):
        try:
            found = read(begin + text, kind)
        except ApiError:
            continue
        assert not isinstance(found, Content) or bytes_of(found)


def test_big_content_is_given_in_pieces_between_which_others_have_their_turn() -> None:
    data = bytes(range(256)) * 16 * 1024
    turns: list[None] = []
    part = AttachmentPart("file", base64.b64encode(data).decode(), PATH)
    content = sources.read(part, lambda: turns.append(None))
    assert isinstance(content, Content)
    assert bytes_of(content) == data
    assert max(map(len, content.pieces())) <= sources._SLICE
    assert len(turns) >= len(data) // sources._SLICE


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("", "is empty"),
        (" \r\n", "is empty"),
        ("data:,", "is empty"),
        ("data:;base64,", "is empty"),
        ("data:;base64, \n", "is empty"),
        ("data:image/png;base64", "without a comma"),
        ("data:" + "x" * 5000 + ",", "without a comma"),
        ("data:;base64,QQ==QQ==", "not valid base64"),
        ("data:;base64,=", "not valid base64"),
        ("data:;base64,====", "not valid base64"),
        ("data:;base64,Q", "not valid base64"),
        ("data:;base64,Q===", "not valid base64"),
        ("data:;base64,QUJD*QUJD", "not valid base64"),
        ("data:;base64,QUJD\x00", "NUL character"),
        ("data:text/plain,a\x00b", "NUL character"),
        ("data:image/png\x00;base64,QUJD", "NUL character"),
        ("data:;base64,图片", "not valid base64"),
        ("data:;base64,%zz", "not valid base64"),
        ("ftp://example.com/a.png", "scheme 'ftp'"),
        ("file:///etc/passwd", "scheme 'file'"),
        ("javascript:alert(1)", "scheme 'javascript'"),
        ("C:\\a.png", "scheme 'C'"),
        ("http:", "without a valid host"),
        ("https://", "without a valid host"),
        ("https:///a.png", "without a valid host"),
        ("https:example.com", "without a valid host"),
        ("https://a b/c", "without a valid host"),
        ("https://exa\\mple.com/", "without a valid host"),
        ("https://example.com:99999/", "not valid"),
        ("https://example.com:port/", "not valid"),
        ("https://[::1/a", "not valid"),
        ("https://user@example.com/", "user or password"),
        ("https://user:secret@example.com/", "user or password"),
        ("https://@example.com/", "user or password"),
        ("https://poecdn.net\\@evil.example/", "user or password"),
        ("https://example.com/\x00", "control characters"),
        ("https://example.com/a\r\nX: y", "control characters"),
        ("https://example.com/\ud800", "not valid"),
        ("https://example.com/" + "a" * 8192, "more than 8192 bytes"),
        ("https://example.com/" + "界" * 3000, "more than 8192 bytes"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_path(source: str, reason: str) -> None:
    assert reason in reason_for(source)


def test_what_is_no_base64_after_a_whole_slice_is_refused() -> None:
    text = base64.b64encode(bytes(sources._SLICE)).decode()
    assert "not valid base64" in reason_for(f"data:;base64,{text}*")
    padded = base64.b64encode(bytes(sources._SLICE // 4 * 3 - 1)).decode()
    assert len(padded) == sources._SLICE
    assert "not valid base64" in reason_for(f"data:;base64,{padded}QUJD")


def test_a_secret_in_a_url_is_not_repeated() -> None:
    assert "hunter2" not in reason_for("https://user:hunter2@example.com/?key=hunter2")


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("https://example.com/a/cat.png?sig=1#x", "cat.png"),
        ("HTTP://EXAMPLE.COM/cat.png", "cat.png"),
        ("https://example.com", "image"),
        ("https://example.com/a%20b.png", "a b.png"),
        ("https://example.com/a b.png", "a b.png"),
        ("https://example.com/图片.png", "图片.png"),
        ("https://例え.jp/a.png", "a.png"),
        ("https://[2001:db8::1]:8443/a.png", "a.png"),
        ("http://127.0.0.1:80/a.png", "a.png"),
        ("https://example.com/..%2F..%2f", "image"),
        ("https://example.com/%0d%0a.png", ".png"),
    ],
)
def test_another_url_is_poes_to_fetch_as_it_stands(source: str, name: str) -> None:
    found = read(source)
    assert isinstance(found, Remote)
    assert (found.url, found.name, found.given_name) == (source, name, None)


def test_the_clients_own_name_for_a_remote_file_counts() -> None:
    found = read("https://example.com/a.png", "file", name="../b.pdf")
    assert isinstance(found, Remote)
    assert (found.name, found.given_name, found.content_type) == ("b.pdf", "b.pdf", "application/pdf")


@pytest.mark.parametrize(
    "source",
    [
        "https://poecdn.net/a.png",
        "https://pfst.cf2.poecdn.net/base/image/abc?w=1",
        "HTTPS://PFST.POECDN.NET/a.png",
        "https://poecdn.net:443/a.png",
    ],
)
def test_a_url_on_the_cdn_goes_through_as_it_is(source: str) -> None:
    found = read(source)
    assert isinstance(found, HostedPart)
    assert (found.url, found.content_type) == (source, "image/png")


@pytest.mark.parametrize(
    "source",
    [
        "http://poecdn.net/a.png",
        "https://poecdn.net:8443/a.png",
        "https://poecdn.net.evil.example/a.png",
        "https://evilpoecdn.net/a.png",
        "https://poecdn.net./a.png",
        "https://.poecdn.net/a.png",
        "https://evil.example%2f.poecdn.net/a.png",
        "https://evil.example%00.poecdn.net/a.png",
        "https://evil.example?.poecdn.net/a.png",
        "https://evil.example#.poecdn.net/a.png",
        "https://evil.example/poecdn.net",
        "https://evil.example。poecdn.net/a.png",
        "https://poecdnınet/a.png",
    ],
)
def test_what_only_looks_like_the_cdn_is_not(source: str) -> None:
    assert isinstance(read(source), Remote)


def test_contents_are_told_apart_by_all_their_bytes() -> None:
    ends = bytes(4096)
    one, other = (base64.b64encode(ends + middle + ends).decode() for middle in (b"1", b"2"))
    assert content_of(one, "file").digest != content_of(other, "file").digest
    assert isinstance(found := read("https://example.com/1"), Remote)
    assert isinstance(another := read("https://example.com/2"), Remote)
    assert found.digest != another.digest


@pytest.mark.parametrize("begin", ["data:,", "data:;base64,", "data:;base64,%41", "", "https://a/", "data:"])
@pytest.mark.parametrize("unit", ["%", "%41", "%4", " ", "=", "\n", "A", "A ", ";name=", ",", "%0a", "A=\n"])
def test_the_cost_is_linear(begin: str, unit: str) -> None:
    source = begin + unit * (5_000_000 // len(unit))
    with contextlib.suppress(ApiError):  # else it would go on for hours
        read(source, "file")
