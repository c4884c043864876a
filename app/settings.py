"""Settings: everything that can be configured, read from the environment once.

The names that the Rust version of this program had keep their meaning. Nothing else in the
project reads the environment.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from app import kinds
from app.keys import file as key_file
from app.keys.lines import KeysError
from app.variables import SettingsError, setting, shown, variables

DEFAULT_ADMIN_PASSWORD = "123456"  # noqa: S105 - the published default, warned about at the start


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one process, all checked. ``Settings.load()`` reads the environment."""

    host: str = setting(
        "HOST",
        "0.0.0.0",  # noqa: S104 - a server is for others
        kinds.host(),
        "Address to listen on.",
    )
    port: int = setting("PORT", "8080", kinds.whole_number(1, 65535), "Port to listen on.")
    workers: int = setting(
        "WEB_CONCURRENCY",
        "",
        kinds.workers(),
        "Worker processes, each of which serves many streams. By default the usable cores, at most 4.",
    )
    log_level: str = setting(
        "LOG_LEVEL",
        "info",
        kinds.choice("debug", "info", "warn", "error"),
        "How much is logged.",
    )
    log_format: str = setting(
        "LOG_FORMAT",
        "text",
        kinds.choice("text", "json"),
        "Format of the log on standard error: lines of text or of JSON objects.",
    )
    admin_username: str = setting(
        "ADMIN_USERNAME",
        "admin",
        kinds.text("a name without colon", lambda text: text and ":" not in text),
        "User of the panel at /admin.",
    )
    admin_password: str = setting(
        "ADMIN_PASSWORD",
        DEFAULT_ADMIN_PASSWORD,
        kinds.text("any text", lambda _: True),
        "Password of the panel at /admin. Change it.",
        is_secret=True,
        may_be_empty=True,
    )
    poe_api_key: str = setting(
        "POE_API_KEY",
        "",
        kinds.secret("a key, without spaces"),
        "One Poe key for all clients, which then use gateway keys: see ACCESS_KEYS. "
        "By default each client sends its own Poe key.",
        is_secret=True,
    )
    access_keys: Path | None = setting(
        "ACCESS_KEYS",
        "",
        kinds.file("the path of a file of keys"),
        "File of the gateway's own keys, one line each, as written by `python -m app.keys NAME FILE`. "
        "Requires POE_API_KEY.",
    )
    metrics_token: str = setting(
        "METRICS_TOKEN",
        "",
        kinds.secret("a token, without spaces"),
        "A bearer token that /metrics requires instead of the panel's user and password.",
        is_secret=True,
    )
    metrics_port: int | None = setting(
        "METRICS_PORT",
        "",
        kinds.optional(kinds.whole_number(1, 65535)),
        "A separate port for /metrics, without authentication unless METRICS_TOKEN is set. "
        "By default /metrics is on PORT.",
    )
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = setting(
        "TRUSTED_PROXIES",
        "",
        kinds.networks(),
        "The proxies whose X-Forwarded-For, -Proto, -Host and -Prefix count. By default none.",
    )
    script_name: str = setting(
        "SCRIPT_NAME",
        "",
        kinds.path_prefix(),
        "The path below which a proxy publishes the gateway, if the proxy does not remove it from requests.",
    )
    config_dir: Path = setting(
        "CONFIG_DIR",
        "./",
        kinds.writable_folder(),
        "Folder of models.yaml and the caches.",
    )
    redis_url: str | None = setting(
        "REDIS_URL",
        "",
        kinds.redis(),
        "A Redis through which several machines share the rate limit, uploads, the list of bots and wrong "
        "passwords. Without it, the workers of one machine share these through files.",
        is_secret=True,
    )
    max_request_size: int = setting(
        "MAX_REQUEST_SIZE",
        "1073741824",
        kinds.whole_number(1, 2**40),
        "Largest request body in bytes, also after decompression; larger ones are refused (413).",
    )
    max_concurrent: int = setting(
        "MAX_CONCURRENT",
        "2048",
        kinds.whole_number(1, 100_000),
        "How many completions a worker runs at once; further ones wait.",
    )
    max_queue: int = setting(
        "MAX_QUEUE",
        "2048",
        kinds.whole_number(0, 100_000),
        "How many of these may wait in a worker; further ones are refused at once (503).",
    )
    max_requests: int = setting(
        "MAX_REQUESTS",
        "0",
        kinds.whole_number(0, 10**9),
        "A worker is replaced after this many requests and up to a tenth more, 0 = never.",
    )
    head_timeout_seconds: float = setting(
        "HEAD_TIMEOUT_SECONDS",
        "20",
        kinds.seconds(0.1, 3600),
        "How long a client may take to send a request's head, before it is refused (408). An idle connection "
        "is closed after the same time.",
    )
    body_timeout_seconds: float = setting(
        "BODY_TIMEOUT_SECONDS",
        "60",
        kinds.seconds(0.1, 86_400),
        "How long a client may pause while it sends a request's body, before it is refused (408).",
    )
    send_timeout_seconds: float = setting(
        "SEND_TIMEOUT_SECONDS",
        "60",
        kinds.seconds(0.1, 86_400),
        "How long a client may read nothing of its answer, before it is disconnected and its query ended.",
    )
    rate_limit_ms: int = setting(
        "RATE_LIMIT_MS",
        "100",
        kinds.whole_number(0, 3_600_000),
        "Minimum milliseconds between the starts of two queries to Poe, 0 = off.",
    )
    url_cache_ttl_seconds: int = setting(
        "URL_CACHE_TTL_SECONDS",
        "259200",
        kinds.whole_number(1, 2**31),
        "How long the URL of an upload is remembered after its last use.",
    )
    url_cache_size_mb: int = setting(
        "URL_CACHE_SIZE_MB",
        "100",
        kinds.whole_number(0, 2**20),
        "Disk space for remembered uploads (url_cache in CONFIG_DIR; Redis has its own limit), 0 = off.",
    )
    poe_base_url: str = setting(
        "POE_BASE_URL",
        "https://api.poe.com",
        kinds.base_url(),
        "Base URL of Poe's bot-query API.",
    )
    poe_file_upload_url: str = setting(
        "POE_FILE_UPLOAD_URL",
        "https://www.quora.com/poe_api/file_upload_3RD_PARTY_POST",
        kinds.endpoint_url(),
        "URL of Poe's upload endpoint.",
    )
    max_attachments: int = setting(
        "MAX_ATTACHMENTS",
        "500",
        kinds.whole_number(0, 100_000),
        "How many attachments a request may have; more are refused (400).",
    )
    upload_concurrency: int = setting(
        "UPLOAD_CONCURRENCY",
        "8",
        kinds.whole_number(1, 1000),
        "How many uploads to Poe a worker runs at once.",
    )
    upload_timeout_seconds: float = setting(
        "UPLOAD_TIMEOUT_SECONDS",
        "120",
        kinds.seconds(0.1, 86_400),
        "How long the upload of an attachment may take.",
    )
    models_cache_seconds: float = setting(
        "MODELS_CACHE_SECONDS",
        "600",
        kinds.seconds(0, 86_400),
        "How long Poe's list of bots stays fresh.",
    )
    strict_models: bool = setting(
        "STRICT_MODELS",
        "false",
        kinds.boolean(),
        "true: bots that are not in the list of models (hidden, private) are refused (404).",
    )
    heartbeat_seconds: float = setting(
        "HEARTBEAT_SECONDS",
        "15",
        kinds.seconds_or_zero(0.1, 3600),
        "Interval between comment lines in a silent stream, 0 = never.",
    )
    connect_timeout_seconds: float = setting(
        "CONNECT_TIMEOUT_SECONDS",
        "10",
        kinds.seconds(0.1, 600),
        "How long connecting to Poe may take.",
    )
    first_byte_timeout_seconds: float = setting(
        "FIRST_BYTE_TIMEOUT_SECONDS",
        "300",
        kinds.seconds(0.1, 86_400),
        "How long Poe may take from the query to the first byte of the answer.",
    )
    idle_timeout_seconds: float = setting(
        "IDLE_TIMEOUT_SECONDS",
        "300",
        kinds.seconds(0.1, 86_400),
        "How long Poe may be silent in the middle of an answer.",
    )
    answer_timeout_seconds: float = setting(
        "ANSWER_TIMEOUT_SECONDS",
        "3600",
        kinds.seconds(0, 7 * 86_400),
        "How long an answer may take in total, from the request to its end, 0 = unlimited.",
    )

    drain_seconds: float = setting(
        "DRAIN_SECONDS",
        "2",
        kinds.seconds(0, 3600),
        "After SIGTERM, how long requests are still served while /readyz answers 503.",
    )
    graceful_timeout: float = setting(
        "GRACEFUL_TIMEOUT",
        "30",
        kinds.seconds(0, 86_400),
        "How long running answers may then continue before they are ended with an error.",
    )

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the settings from ``environ`` (default: this process's environment).

        A variable that is absent, or empty where empty text is of no use, has its default.
        Raises ``SettingsError`` for the first value that cannot be used.
        """
        environ = os.environ if environ is None else environ
        values = {name: variable.read(environ) for name, variable in variables(cls).items()}
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            _check_bundle(name, environ.get(name, ""))
        _check_keys(values["poe_api_key"], values["access_keys"])
        if values["metrics_port"] == values["port"]:
            raise SettingsError("METRICS_PORT cannot be the same as PORT")
        return cls(**values)


def log_format() -> str:
    """``LOG_FORMAT``, even if another variable cannot be used; ``text`` if it cannot be used itself."""
    variable = variables(Settings)["log_format"]
    try:
        return str(variable.read(os.environ))
    except SettingsError:
        return variable.default


def _check_bundle(name: str, path: str) -> None:
    """Refuse certificates that cannot be read: requests passes on their path unchecked."""
    try:
        if path:
            is_folder = Path(path).is_dir()
            ssl.create_default_context(cafile=None if is_folder else path, capath=path if is_folder else None)
    except OSError:
        allowed = "a file or folder of certificates (PEM)"
        raise SettingsError(f"{name}={path!r} cannot be used; allowed is {allowed}") from None


def _check_keys(poe_key: str, path: Path | None) -> None:
    """Poe's key and the gateway's own go together: alone, the one serves everybody, the others nobody."""
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
        raise SettingsError(f"ACCESS_KEYS={shown(str(path))!r} cannot be used: {error}") from None
