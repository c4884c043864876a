"""Access: who may use the panel or see the metrics. Limits how often a password or token can be wrong."""

from __future__ import annotations

import hmac
import math
from ipaddress import IPv6Address, IPv6Network

from flask import request
from flask_httpauth import HTTPBasicAuth

from app.admin.origins import check_origin
from app.coordination.counts import Counts
from app.errors import ApiError, invalid_credentials, invalid_token, too_many_tries
from app.proxies import parse_address

TRIES = 10
TRIES_SECONDS = 60.0

_SITE_BITS = 64  # bits of an IPv6 address that surely belong to one customer


class Access:
    """Lets requests with the right ``user`` and ``password`` pass.

    Wrong ones are counted in ``tries`` by the client's address. While there is no room for another, nobody
    passes from that address, whatever the password. A request without credentials is not a try.
    """

    def __init__(self, user: str, password: str, tries: Counts) -> None:
        self._user = _bytes(user)
        self._password = _bytes(password)
        self._tries = tries
        self._basic = HTTPBasicAuth()
        self._basic.verify_password(self._verify)
        self._basic.error_handler(_refuse)
        self._require = self._basic.login_required(lambda: None)

    def check(self) -> None:
        """Check the request being served. Raises ``ApiError``: 401, 403 or 429."""
        if request.path.startswith("/api/"):
            check_origin(request)
        self._require()

    def _verify(self, user: str, password: str) -> bool:
        if self._basic.get_auth() is None:
            return False
        is_user = hmac.compare_digest(_bytes(user), self._user)
        is_password = hmac.compare_digest(_bytes(password), self._password)
        is_right = is_user & is_password
        _note_try(self._tries, is_right=is_right)
        return is_right


class TokenAccess:
    """Lets requests with the bearer token ``token`` pass; wrong ones are counted as wrong passwords are."""

    def __init__(self, token: str, tries: Counts) -> None:
        self._token = _bytes(token)
        self._tries = tries

    def check(self) -> None:
        """Check the request being served. Raises ``ApiError``: 401 or 429."""
        scheme, _, given = request.headers.get("Authorization", "").strip().partition(" ")
        if scheme.lower() != "bearer" or not given.strip():
            raise invalid_token()
        is_right = hmac.compare_digest(_bytes(given.strip()), self._token)
        _note_try(self._tries, is_right=is_right)
        if not is_right:
            raise invalid_token()


def _note_try(tries: Counts, *, is_right: bool) -> None:
    key = _source(request.remote_addr or "")
    wait = tries.look(key) if is_right else tries.count(key)
    if wait:
        raise too_many_tries(str(math.ceil(wait)))


def _refuse() -> ApiError:
    raise invalid_credentials()


def _source(address: str) -> str:
    """What wrong passwords are counted by: the address, or, for IPv6, its network."""
    parsed = parse_address(address)
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((int(parsed), _SITE_BITS), strict=False))
    return str(parsed or address)


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")
