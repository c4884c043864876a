"""``python -m app``: check the settings, then become gunicorn.

gunicorn reads ``WEB_CONCURRENCY`` by itself before its configuration runs, and ends with a traceback
if that is no number; here it is checked like every other setting first.
"""

from __future__ import annotations

import os
import sys

from app import start


def main() -> None:
    """Start the service in this process's place."""
    settings = start.load()
    command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
    environment = os.environ | {"WEB_CONCURRENCY": str(settings.workers)}
    os.execve(sys.executable, command, environment)  # noqa: S606


if __name__ == "__main__":
    main()
