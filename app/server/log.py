"""Log: gunicorn's own, which must not reveal what clients send."""

from __future__ import annotations

from typing import Any

from gunicorn.glogging import Logger


class ServerLog(Logger):
    """gunicorn's log without its access lines: the application writes one line a request itself.

    Only the class of an exception is logged: some of gunicorn's quote what a client sent, even its key.
    """

    access_log_enabled = False

    def debug(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        shown = [type(each).__name__ if isinstance(each, BaseException) else each for each in args]
        super().debug(msg, *shown, **kwargs)
