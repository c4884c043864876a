"""Media: a file's type, by its name or its first bytes, and the name of a type."""

from __future__ import annotations

import re
from typing import Any

import filetype

UNKNOWN = "application/octet-stream"
SIGNATURE_SIZE = 8192  # bytes that are looked at
NAME_LIMIT = 200  # characters

# A generated name gets the first extension of its type. The standard library's table is not used: it
# depends on the machine and on Python's version.
_TYPES = {
    "image/png": (".png",),
    "image/jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "image/gif": (".gif",),
    "image/webp": (".webp",),
    "image/avif": (".avif",),
    "image/heic": (".heic",),
    "image/heif": (".heif",),
    "image/bmp": (".bmp",),
    "image/tiff": (".tiff", ".tif"),
    "image/svg+xml": (".svg",),
    "image/vnd.microsoft.icon": (".ico",),
    "image/vnd.adobe.photoshop": (".psd",),
    "audio/wav": (".wav", ".wave"),
    "audio/mpeg": (".mp3", ".mpga"),
    "audio/mp4": (".m4a",),
    "audio/aac": (".aac",),
    "audio/flac": (".flac",),
    "audio/ogg": (".ogg", ".oga"),
    "audio/opus": (".opus",),
    "audio/aiff": (".aiff", ".aif"),
    "audio/webm": (".weba",),
    "audio/pcm": (".pcm", ".pcm16"),
    "audio/midi": (".mid", ".midi"),
    "video/mp4": (".mp4", ".m4v"),
    "video/webm": (".webm",),
    "video/quicktime": (".mov", ".qt"),
    "video/mpeg": (".mpeg", ".mpg"),
    "video/x-matroska": (".mkv",),
    "video/x-msvideo": (".avi",),
    "video/x-ms-wmv": (".wmv",),
    "video/x-flv": (".flv",),
    "video/3gpp": (".3gp",),
    "application/pdf": (".pdf",),
    "application/json": (".json",),
    "application/x-ndjson": (".jsonl", ".ndjson"),
    "application/xml": (".xml", ".xsd", ".xsl"),
    "application/yaml": (".yaml", ".yml"),
    "application/toml": (".toml",),
    "application/sql": (".sql",),
    "application/rtf": (".rtf",),
    "application/zip": (".zip",),
    "application/gzip": (".gz", ".tgz"),
    "application/x-bzip2": (".bz2",),
    "application/x-xz": (".xz",),
    "application/zstd": (".zst",),
    "application/x-tar": (".tar",),
    "application/x-7z-compressed": (".7z",),
    "application/vnd.rar": (".rar",),
    "application/epub+zip": (".epub",),
    "application/msword": (".doc", ".dot"),
    "application/vnd.ms-excel": (".xls",),
    "application/vnd.ms-powerpoint": (".ppt", ".pps"),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": (".docx",),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": (".xlsx",),
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": (".pptx",),
    "application/vnd.oasis.opendocument.text": (".odt",),
    "application/vnd.oasis.opendocument.spreadsheet": (".ods",),
    "application/vnd.oasis.opendocument.presentation": (".odp",),
    "application/x-ipynb+json": (".ipynb",),
    "application/wasm": (".wasm",),
    "text/plain": (".txt", ".log", ".text", ".ini", ".cfg", ".conf", ".env"),
    "text/markdown": (".md", ".markdown"),
    "text/html": (".html", ".htm"),
    "text/css": (".css",),
    "text/csv": (".csv",),
    "text/tab-separated-values": (".tsv",),
    "text/javascript": (".js", ".mjs", ".cjs", ".jsx"),
    "text/x-typescript": (".ts", ".tsx"),
    "text/x-python": (".py",),
    "text/x-c": (".c", ".h", ".cc", ".cpp", ".hpp"),
    "text/x-java": (".java",),
    "text/x-go": (".go",),
    "text/x-rust": (".rs",),
    "text/x-ruby": (".rb",),
    "text/x-php": (".php",),
    "text/x-sh": (".sh", ".bash", ".zsh"),
    "text/x-tex": (".tex",),
    "text/x-diff": (".diff", ".patch"),
    "text/calendar": (".ics",),
    "text/vcard": (".vcf",),
    "text/vtt": (".vtt",),
    "application/x-subrip": (".srt",),
}
_BY_EXTENSION = {each: type for type, extensions in _TYPES.items() for each in extensions}

# Types that filetype, or a client, calls by another name than everybody else.
_USUAL = {
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/x-flac": "audio/flac",
    "audio/mp3": "audio/mpeg",
    "audio/x-m4a": "audio/mp4",
    "image/jpg": "image/jpeg",
    "image/x-png": "image/png",
    "video/x-m4v": "video/mp4",
}

_BY_KIND = {"image": "image/png", "audio": "audio/mpeg", "video": "video/mp4", "file": UNKNOWN}

_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
# Before an SVG's first element there may be declarations and comments; each is looked at once.
_SVG = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:(?><\?.*?\?>|<!--.*?-->|<!DOCTYPE[^>]*>)\s*)*+<svg\b", re.DOTALL)
_REFUSED_IN_NAMES = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_EXTENSION_LIMIT = 16  # characters
_BINARY = bytes(set(range(32)) - set(b"\t\n\f\r\x1b"))


def declared(text: str) -> str | None:
    """The content type that ``text`` names; ``None`` if it is not one, or says nothing."""
    name = text.partition(";")[0].strip().lower()
    return _USUAL.get(name, name) if _TYPE.fullmatch(name) and name != UNKNOWN else None


def of_format(kind: str, name: str | None) -> str | None:
    """The content type of a format (``wav``, ``mp3``, ``audio/wav``)."""
    if not name:
        return None
    return declared(name) or of_name(f"{kind}.{name.strip()}")


def of_name(name: str | None) -> str | None:
    """The content type by the extension of a file's name."""
    _, dot, extension = (name or "").rpartition(".")
    return _BY_EXTENSION.get(dot + extension.lower())


def of_bytes(head: bytes) -> str | None:
    """The content type by the first bytes: by a signature, or else by whether they are text."""
    found: Any = filetype.guess_mime(head)
    if found:
        return _USUAL.get(found, str(found))
    if _SVG.match(head):
        return "image/svg+xml"
    return "text/plain" if _is_text(head) else None


def of_kind(kind: str) -> str:
    """A guess for a file of which only the kind is known: image, audio, video or file."""
    return _BY_KIND[kind]


def name_for(kind: str, content_type: str | None) -> str:
    """A name for a file that has none."""
    return kind + _TYPES.get(content_type or "", ("",))[0]


def clean_name(name: str | None) -> str | None:
    """A file's name without folders and control characters; ``None`` if nothing is left."""
    name = (name or "").replace("\\", "/").rstrip("/").rpartition("/")[2]
    name = _REFUSED_IN_NAMES.sub("", name).strip()
    if len(name) > NAME_LIMIT:
        stem, dot, extension = name.rpartition(".")
        end = dot + extension if stem and len(extension) <= _EXTENSION_LIMIT else ""
        name = name[: NAME_LIMIT - len(end)] + end
    return name if name.strip(".") else None


def _is_text(head: bytes) -> bool:
    if head.translate(None, _BINARY) != head:
        return False
    for cut in range(4):  # the last character may be cut off
        try:
            head[: len(head) - cut].decode()
        except UnicodeDecodeError:
            continue
        return True
    return False
