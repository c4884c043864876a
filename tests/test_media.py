"""The types of files, by name and by first bytes, and their names."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile

import pytest

from app import media

UNICODE_TEXT = "Grüße, 世界 🚀 "


def zipped(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "<xml/>")
    return file.getvalue()


def box(brand: bytes, *compatible: bytes) -> bytes:
    """The first box of an MP4 and of its kin."""
    content = b"ftyp" + brand + bytes(4) + b"".join(compatible)
    return struct.pack(">I", len(content) + 4) + content + bytes(64)


SIGNATURES = {
    "png": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"),
    "jpeg": (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "image/jpeg"),
    "gif": (b"GIF89a\x01\0\x01\0", "image/gif"),
    "webp": (b"RIFF\x24\0\0\0WEBPVP8 ", "image/webp"),
    "avif": (box(b"avif", b"avif", b"mif1"), "image/avif"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "image/svg+xml"),
    "svg, declared": (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!DOCTYPE svg>\n<svg/>', "image/svg+xml"),
    "svg, commented": (
        b"<?xml version='1.0'?>\n<!-- drawn > by hand -->\n<!-- 2 -->\n<svg>",
        "image/svg+xml",
    ),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "application/pdf"),
    "zip": (zipped("a.txt"), "application/zip"),
    "docx": (
        zipped("[Content_Types].xml", "_rels/.rels", "word/document.xml"),
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    "gzip": (gzip.compress(b"text"), "application/gzip"),
    "mp3": (b"ID3\x04\0\0\0\0\0\0", "audio/mpeg"),
    "mp3 without tags": (b"\xff\xfb\x90\x64" + bytes(64), "audio/mpeg"),
    "wav": (b"RIFF\x24\0\0\0WAVEfmt ", "audio/wav"),
    "ogg": (b"OggS\0\x02" + bytes(22) + b"\x01\x1e\x01vorbis", "audio/ogg"),
    "flac": (b"fLaC\0\0\0\x22", "audio/flac"),
    "m4a": (box(b"M4A ", b"M4A ", b"mp42"), "audio/mp4"),
    "mp4": (box(b"isom", b"isom", b"mp41"), "video/mp4"),
    "mov": (box(b"qt  ", b"qt  "), "video/quicktime"),
    "webm": (b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webmB\x87\x81\x04", "video/webm"),
    "text": (UNICODE_TEXT.encode(), "text/plain"),
    "svg in a text": (b"an <svg> is a picture", "text/plain"),
    "rubbish": (b"\x00\x01\x02\x03\xff\xfe" * 9, None),
    "latin-1": ("Grüße".encode("latin-1") + b" !!!!", None),
    "a control character": (b"text\x00text", None),
}


@pytest.mark.parametrize("case", SIGNATURES)
def test_the_first_bytes_tell_the_type(case: str) -> None:
    head, expected = SIGNATURES[case]
    assert media.of_bytes(head) == expected


@pytest.mark.parametrize("cut", range(1, len(UNICODE_TEXT.encode())))
def test_text_may_be_cut_inside_a_character(cut: int) -> None:
    assert media.of_bytes(UNICODE_TEXT.encode()[:cut]) == "text/plain"


@pytest.mark.parametrize("piece", [b"<!---->", b"<!--", b"<?a?>", b"<!DOCTYPE>", b"<?", b" ", b"<!-- <?x?>"])
def test_what_looks_like_the_beginning_of_an_svg_is_looked_at_once(piece: bytes) -> None:
    media.of_bytes(piece * (4_000_000 // len(piece)))  # else it would go on for hours


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.png", "image/png"),
        ("A.JPG", "image/jpeg"),
        ("a.b.tar.gz", "application/gzip"),
        (".env", "text/plain"),
        ("folder.png/a", None),
        ("png", None),
        ("a.", None),
        ("a.unheard-of", None),
        ("", None),
        (None, None),
    ],
)
def test_the_extension_tells_the_type(name: str | None, expected: str | None) -> None:
    assert media.of_name(name) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("image/png", "image/png"),
        (" IMAGE/PNG ; charset=x", "image/png"),
        ("image/jpg", "image/jpeg"),
        ("audio/mp3", "audio/mpeg"),
        ("application/octet-stream", None),
        ("", None),
        ("png", None),
        ("image/", None),
        ("image/png\r\nX: y", None),
        ("image/ünüsual", None),
        ("a/" + "b" * 200, None),
    ],
)
def test_a_declared_type_counts_if_it_is_one(text: str, expected: str | None) -> None:
    assert media.declared(text) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("wav", "audio/wav"),
        ("MP3", "audio/mpeg"),
        ("audio/flac", "audio/flac"),
        ("../../x", None),
        ("", None),
        (None, None),
    ],
)
def test_a_format_stands_for_a_type(name: str | None, expected: str | None) -> None:
    assert media.of_format("audio", name) == expected


def test_a_name_is_made_up_from_kind_and_type() -> None:
    assert media.name_for("image", "image/jpeg") == "image.jpg"
    assert media.name_for("file", "application/x-unheard-of") == "file"
    assert media.name_for("audio", None) == "audio"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.png", "a.png"),
        (" a b.png ", "a b.png"),
        ("/etc/passwd", "passwd"),
        ("C:\\Users\\me\\a.png", "a.png"),
        ("../../a.png", "a.png"),
        ("folder/", "folder"),
        ('a".png', 'a".png'),
        ("a\r\nX: y\x00\x1b\x7f\x85\u2028.png", "aX: y.png"),
        ("a\ud800.png", "a.png"),
        ("a\u202egnp.exe", "agnp.exe"),  # shown as aexe.png
        ("图片 🚀.png", "图片 🚀.png"),
        (".", None),
        ("..", None),
        ("/", None),
        ("\\", None),
        ("\r\n", None),
        ("", None),
        (None, None),
        ("a" * 300 + ".png", "a" * 196 + ".png"),
        ("a." + "b" * 300, "a." + "b" * 198),
        ("." + "b" * 300, "." + "b" * 199),
    ],
)
def test_names_are_cleaned(name: str | None, expected: str | None) -> None:
    assert media.clean_name(name) == expected
