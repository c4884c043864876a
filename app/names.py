"""Names: looks up the addresses of hosts, without waiting for a resolver that hangs."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any

Address = tuple[socket.AddressFamily, Any]

_FRESH_SECONDS = 5.0  # so long others join a look-up that is under way: libc asks again after as much
_NAME = re.compile(r"[A-Za-z0-9._:%-]+")  # or an address
_AT_ONCE = 2  # look-ups of a name; each holds one of the few threads of a process that can


class UnknownName(OSError):
    """The resolver has no address for a name, or cannot be asked."""


def is_name(text: str) -> bool:
    """Whether a resolver can be asked for ``text``: its labels are neither empty, nor too long, nor odd."""
    try:
        return bool(_NAME.fullmatch(text) and text.encode("idna"))
    except UnicodeError:
        return False


class _LookUp:
    """One question to the resolver, asked in a thread, and its outcome."""

    def __init__(self, host: str, port: int) -> None:
        self.since = time.monotonic()
        self.ended = threading.Event()
        self.addresses: Sequence[Address] = ()
        self.failure: str | None = None
        threading.Thread(target=self._ask, args=(host, port), name="names", daemon=True).start()

    def _ask(self, host: str, port: int) -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            self.addresses = [(family, address) for family, _, _, _, address in found]
        except (OSError, UnicodeError) as error:
            self.failure = str(error)
        finally:
            self.ended.set()


class Names:
    """Looks up the addresses of ``host``, with few look-ups at a time however many ask."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._under_way: list[_LookUp] = []
        self._lock = threading.Lock()  # starting a thread lets others run

    def addresses(self, seconds: float | None = None) -> Sequence[Address]:
        """The resolver's answer. Raises ``UnknownName``; ``TimeoutError`` if none in ``seconds``."""
        with self._lock:
            look_up = self._join()
        if not look_up.ended.wait(seconds):
            raise TimeoutError
        if look_up.failure is not None:
            raise UnknownName(look_up.failure)
        return look_up.addresses

    def _join(self) -> _LookUp:
        """The latest look-up under way, or another one if that seems to hang."""
        self._under_way = [each for each in self._under_way if not each.ended.is_set()]
        if self._under_way:
            newest = self._under_way[-1]
            if len(self._under_way) == _AT_ONCE or time.monotonic() - newest.since < _FRESH_SECONDS:
                return newest
        look_up = _LookUp(*self._address)
        self._under_way.append(look_up)
        return look_up
