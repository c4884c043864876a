"""Settings: every knob of the service, read from the environment once.

The names that the Rust version of this program had keep their meaning. Nothing else in the
project reads the environment.
"""

from __future__ import annotations

import os
import re
import ssl
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app import redis_url
from app.cores import usable_cores
from app.keys import file as key_file
from app.keys.lines import KeysError
from app.logs import masked
from app.names import is_name

_USER = re.compile(r"(?<=//)[^/@]*@")
DEFAULT_ADMIN_PASSWORD = "123456"  # noqa: S105 - the published default, warned about at the start


class SettingsError(ValueError):
    """A variable holds a value that cannot be used; the message is one line for the operator."""


@dataclass(frozen=True)
class Kind:
    """How a variable's text becomes a value.

    ``parse`` raises ``ValueError`` for a text that cannot be used; ``allowed`` says in words what
    can, both in that error and in docs/configuration.md.
    """

    parse: Callable[[str], Any]
    allowed: str


def _whole_number(low: int, high: int) -> Kind:
    def parse(text: str) -> int:
        value = int(text) if text.isascii() else low - 1
        if not low <= value <= high:
            raise ValueError
        return value

    return Kind(parse, f"a whole number from {low} to {high}")


def _optional(kind: Kind) -> Kind:
    return Kind(lambda text: kind.parse(text) if text else None, kind.allowed)


def _workers() -> Kind:
    number = _whole_number(1, 64)

    def parse(text: str) -> int:
        return int(number.parse(text)) if text else min(4, usable_cores())

    return Kind(parse, number.allowed)


def _seconds(low: float, high: float) -> Kind:
    def parse(text: str) -> float:
        value = float(text) if text.isascii() else low - 1
        if not low <= value <= high:  # also refuses NaN
            raise ValueError
        return value

    return Kind(parse, f"a number of seconds from {low:g} to {high:g}")


def _seconds_or_none(low: float, high: float) -> Kind:
    seconds = _seconds(low, high)
    return Kind(lambda text: 0.0 if text == "0" else seconds.parse(text), f"0, or {seconds.allowed}")


def _choice(*names: str) -> Kind:
    def parse(text: str) -> str:
        if text.lower() not in names:
            raise ValueError
        return text.lower()

    return Kind(parse, "one of " + ", ".join(names))


def _boolean() -> Kind:
    choice = _choice("true", "false")
    return Kind(lambda text: bool(choice.parse(text) == "true"), "true or false")


def _text(allowed: str, accepts: Callable[[str], object]) -> Kind:
    def parse(text: str) -> str:
        if not accepts(text):
            raise ValueError
        return text

    return Kind(parse, allowed)


def _is_http_url(text: str) -> bool:
    parts = urlsplit(text)
    _ = parts.port  # raises ValueError for a port that is no number
    usable = parts.scheme in ("http", "https") and not parts.query
    is_plain = parts.username is None and not parts.fragment and text.isascii() and text.isprintable()
    return bool(usable) and is_plain and " " not in text and parts.port != 0 and is_name(parts.hostname or "")


_HTTP_URL = "an http:// or https:// address without user, query or fragment"


def _base_url() -> Kind:
    endpoint = _endpoint_url()
    return Kind(lambda text: endpoint.parse(text).rstrip("/"), _HTTP_URL)


def _endpoint_url() -> Kind:
    return _text(_HTTP_URL, _is_http_url)


def _redis(text: str) -> str | None:
    return redis_url.checked(text) if text else None


def _writable_folder(text: str) -> Path:
    """The folder, made if it is not there; ``ValueError`` if it cannot be made or written."""
    folder = Path(text)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError from error
    return folder


def _is_host(text: str) -> bool:
    return bool(text) and not any(character.isspace() or character == "/" for character in text)


def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(each) for each in text.replace(",", " ").split())


def _is_key(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


def _path_prefix() -> Kind:
    prefix = _text(
        "a path without a slash at its end, like /poe", re.compile(r"(/[A-Za-z0-9._~-]+)*").fullmatch
    )
    return Kind(lambda text: prefix.parse(text.rstrip("/")), prefix.allowed)


# A default is given as the text that the variable would hold, so that it passes the same gate.
@dataclass(frozen=True)
class _Variable:
    name: str
    default: str
    kind: Kind
    says: str
    is_secret: bool = False  # it is never shown


def _setting(name: str, default: str, kind: Kind, says: str, *, is_secret: bool = False) -> Any:
    variable = _Variable(name, default, kind, says, is_secret)
    return field(metadata={"variable": variable}, repr=not is_secret)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one process, all checked. ``Settings.load()`` reads the environment."""

    host: str = _setting(
        "HOST",
        "0.0.0.0",  # noqa: S104 - a server is for others
        _text("a host name or address", _is_host),
        "Address to listen on.",
    )
    port: int = _setting("PORT", "8080", _whole_number(1, 65535), "Port to listen on.")
    workers: int = _setting(
        "WEB_CONCURRENCY",
        "",
        _workers(),
        "Worker processes; one serves many streams. By default the usable cores, at most 4.",
    )
    log_level: str = _setting(
        "LOG_LEVEL",
        "info",
        _choice("debug", "info", "warn", "error"),
        "How much is logged.",
    )
    log_format: str = _setting(
        "LOG_FORMAT",
        "text",
        _choice("text", "json"),
        "How: a line of text or a JSON object for each, on standard error.",
    )
    admin_username: str = _setting(
        "ADMIN_USERNAME", "admin", _text("a name without colon", lambda text: bool(text) and ":" not in text),
        "User of the panel at /admin.",
    )  # fmt: skip
    admin_password: str = _setting(
        "ADMIN_PASSWORD",
        DEFAULT_ADMIN_PASSWORD,
        _text("any text", lambda _: True),
        "Password of the panel at /admin. Change it.",
        is_secret=True,
    )
    poe_api_key: str = _setting(
        "POE_API_KEY",
        "",
        _text("a key, without spaces", _is_key),
        "Poe's key for all clients, which then bring keys of the gateway's own: see ACCESS_KEYS. "
        "By default each brings a Poe key.",
        is_secret=True,
    )
    access_keys: Path | None = _setting(
        "ACCESS_KEYS",
        "",
        Kind(lambda text: Path(text) if text else None, "the path of a file of keys"),
        "File of the gateway's own keys, each a line as `python -m app.keys NAME FILE` writes it. "
        "Goes with POE_API_KEY.",
    )
    metrics_token: str = _setting(
        "METRICS_TOKEN",
        "",
        _text("a token, without spaces", _is_key),
        "With it, /metrics asks for this bearer token instead of the panel's user and password.",
        is_secret=True,
    )
    metrics_port: int | None = _setting(
        "METRICS_PORT",
        "",
        _optional(_whole_number(1, 65535)),
        "A port for /metrics alone, which asks for nothing unless METRICS_TOKEN is set. "
        "By default /metrics is on PORT.",
    )
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = _setting(
        "TRUSTED_PROXIES",
        "",
        Kind(_networks, "addresses and networks (10.0.0.0/8) with commas between them"),
        "The proxies whose X-Forwarded-For, -Proto, -Host and -Prefix count. By default none.",
    )
    script_name: str = _setting(
        "SCRIPT_NAME",
        "",
        _path_prefix(),
        "The path below which a proxy publishes the gateway, if it leaves that path on its requests.",
    )
    config_dir: Path = _setting(
        "CONFIG_DIR",
        "./",
        Kind(_writable_folder, "a folder that exists or can be made, and can be written"),
        "Where models.yaml and the caches live.",
    )
    redis_url: str | None = _setting(
        "REDIS_URL",
        "",
        Kind(_redis, "a redis://, rediss:// or unix:// address"),
        "A Redis through which several machines share the rate limit, uploads, the list of bots and wrong "
        "passwords. Without it the workers of one machine share by files.",
        is_secret=True,
    )
    max_request_size: int = _setting(
        "MAX_REQUEST_SIZE", "1073741824", _whole_number(1, 2**40),
        "Largest request body in bytes, counted after unpacking; over it the answer is 413.",
    )  # fmt: skip
    max_concurrent: int = _setting(
        "MAX_CONCURRENT",
        "2048",
        _whole_number(1, 100_000),
        "How many requests for an answer a worker has under way at once; the others wait.",
    )
    max_queue: int = _setting(
        "MAX_QUEUE",
        "2048",
        _whole_number(0, 100_000),
        "How many may wait for that in a worker; over it the answer is 503 at once.",
    )
    max_requests: int = _setting(
        "MAX_REQUESTS",
        "0",
        _whole_number(0, 10**9),
        "After so many requests, and up to a tenth more, a worker makes room for a new one, 0 = never.",
    )
    head_timeout_seconds: float = _setting(
        "HEAD_TIMEOUT_SECONDS", "20", _seconds(0.1, 3600),
        "How long a client may take for a request's head; then the answer is 408. A connection without a "
        "request is closed as soon.",
    )  # fmt: skip
    body_timeout_seconds: float = _setting(
        "BODY_TIMEOUT_SECONDS", "60", _seconds(0.1, 86_400),
        "How long a client may send nothing of a request's body; then the answer is 408.",
    )  # fmt: skip
    send_timeout_seconds: float = _setting(
        "SEND_TIMEOUT_SECONDS", "60", _seconds(0.1, 86_400),
        "How long a client may take nothing of its answer; then it is let go, and its query ended.",
    )  # fmt: skip
    rate_limit_ms: int = _setting(
        "RATE_LIMIT_MS", "100", _whole_number(0, 3_600_000),
        "Least milliseconds between the starts of two queries to Poe, 0 = off.",
    )  # fmt: skip
    url_cache_ttl_seconds: int = _setting(
        "URL_CACHE_TTL_SECONDS", "259200", _whole_number(1, 2**31),
        "How long the URL of an upload is remembered since it was last used.",
    )  # fmt: skip
    url_cache_size_mb: int = _setting(
        "URL_CACHE_SIZE_MB", "100", _whole_number(0, 2**20),
        "Room for remembered uploads on disk (url_cache in CONFIG_DIR; Redis has its own bound), 0 = off.",
    )  # fmt: skip
    poe_base_url: str = _setting(
        "POE_BASE_URL",
        "https://api.poe.com",
        _base_url(),
        "Where Poe's bot-query API is.",
    )
    poe_file_upload_url: str = _setting(
        "POE_FILE_UPLOAD_URL",
        "https://www.quora.com/poe_api/file_upload_3RD_PARTY_POST",
        _endpoint_url(),
        "Poe's upload endpoint, whole.",
    )
    max_attachments: int = _setting(
        "MAX_ATTACHMENTS",
        "500",
        _whole_number(0, 100_000),
        "How many attachments a request may hold; over it the answer is 400.",
    )
    upload_concurrency: int = _setting(
        "UPLOAD_CONCURRENCY",
        "8",
        _whole_number(1, 1000),
        "How many uploads to Poe a worker has under way at once.",
    )
    upload_timeout_seconds: float = _setting(
        "UPLOAD_TIMEOUT_SECONDS",
        "120",
        _seconds(0.1, 86_400),
        "How long the upload of an attachment may take.",
    )
    models_cache_seconds: float = _setting(
        "MODELS_CACHE_SECONDS",
        "600",
        _seconds(0, 86_400),
        "How long Poe's list of bots is fresh.",
    )
    strict_models: bool = _setting(
        "STRICT_MODELS", "false", _boolean(),
        "true: a bot that is not in the list of models (hidden, private) is a 404.",
    )  # fmt: skip
    heartbeat_seconds: float = _setting(
        "HEARTBEAT_SECONDS", "15", _seconds_or_none(0.1, 3600),
        "A silent stream carries a comment line this often, 0 = never.",
    )  # fmt: skip
    connect_timeout_seconds: float = _setting(
        "CONNECT_TIMEOUT_SECONDS",
        "10",
        _seconds(0.1, 600),
        "How long connecting to Poe may take.",
    )
    first_byte_timeout_seconds: float = _setting(
        "FIRST_BYTE_TIMEOUT_SECONDS", "300", _seconds(0.1, 86_400),
        "How long Poe may take from the query to the first byte of the answer.",
    )  # fmt: skip
    idle_timeout_seconds: float = _setting(
        "IDLE_TIMEOUT_SECONDS", "300", _seconds(0.1, 86_400),
        "How long Poe may be silent in the middle of an answer.",
    )  # fmt: skip
    answer_timeout_seconds: float = _setting(
        "ANSWER_TIMEOUT_SECONDS", "3600", _seconds(0, 7 * 86_400),
        "How long an answer may take in all, from the request to its end, 0 = as long as it likes.",
    )  # fmt: skip

    drain_seconds: float = _setting(
        "DRAIN_SECONDS",
        "2",
        _seconds(0, 3600),
        "After SIGTERM, how long requests are still served while /readyz says 503.",
    )
    graceful_timeout: float = _setting(
        "GRACEFUL_TIMEOUT",
        "30",
        _seconds(0, 86_400),
        "How long running answers may then go on before they are ended with an error.",
    )

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the settings from ``environ`` (default: this process's environment).

        A variable that is absent, or empty where empty text is of no use, has its default.
        Raises ``SettingsError`` for the first value that cannot be used.
        """
        environ = os.environ if environ is None else environ
        values = {name: _read(variable, environ) for name, variable in _variables()}
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            _check_bundle(name, environ.get(name, ""))
        _check_keys(values["poe_api_key"], values["access_keys"])
        if values["metrics_port"] == values["port"]:
            raise SettingsError("METRICS_PORT cannot be the same as PORT")
        return cls(**values)


def log_format() -> str:
    """``LOG_FORMAT``, also where another variable cannot be used; ``text`` if it cannot be itself."""
    variable = next(each for _, each in _variables() if each.name == "LOG_FORMAT")
    try:
        return str(_read(variable, os.environ))
    except SettingsError:
        return variable.default


def _variables() -> list[tuple[str, _Variable]]:
    return [(each.name, each.metadata["variable"]) for each in fields(Settings)]


def _read(variable: _Variable, environ: Mapping[str, str]) -> Any:
    text = environ.get(variable.name, variable.default)
    if text == "" and variable.name != "ADMIN_PASSWORD":
        text = variable.default
    try:
        return variable.kind.parse(text.strip())
    except ValueError:
        shown = "(hidden)" if variable.is_secret else repr(_shown(text))
        raise SettingsError(
            f"{variable.name}={shown} cannot be used: allowed is {variable.kind.allowed}"
        ) from None


def _shown(text: str) -> str:
    """``text`` without what is no business of a log: the user of an address, a key in the wrong variable."""
    return masked(_USER.sub("***@", text))


def _check_bundle(name: str, path: str) -> None:
    """Refuse certificates that cannot be read: requests hands on their path unseen."""
    try:
        if path:
            is_folder = Path(path).is_dir()
            ssl.create_default_context(cafile=None if is_folder else path, capath=path if is_folder else None)
    except OSError:
        allowed = "a file or folder of certificates (PEM)"
        raise SettingsError(f"{name}={path!r} cannot be used: allowed is {allowed}") from None


def _check_keys(poe_key: str, path: Path | None) -> None:
    """Poe's key and the gateway's own go together: the one alone is for everybody, the other for nobody."""
    if poe_key and not path:
        raise SettingsError(
            "POE_API_KEY cannot be used without ACCESS_KEYS: anyone at the port could spend its points. "
            "Set ACCESS_KEYS to a file of keys (python -m app.keys NAME FILE), or leave POE_API_KEY away "
            "and have clients send their own"
        )
    if path and not poe_key:
        raise SettingsError(
            "ACCESS_KEYS cannot be used without POE_API_KEY, the key with which Poe is asked for them"
        )
    try:
        if path:
            key_file.read(path)
    except KeysError as error:
        raise SettingsError(f"ACCESS_KEYS={_shown(str(path))!r} cannot be used: {error}") from None


def reference() -> str:
    """The table of all settings in Markdown, as docs/configuration.md holds it."""
    rows = [
        f"| `{each.name}` | {each.default and f'`{each.default}`'} | {each.says} | {each.kind.allowed} |"
        for _, each in _variables()
    ]
    return "\n".join(["| variable | default | what it does | allowed |", "|---|---|---|---|", *rows])
