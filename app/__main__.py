"""``python -m app``: check the settings, then become gunicorn.

gunicorn reads ``WEB_CONCURRENCY`` by itself before its configuration runs, and ends with a traceback
if that is no number; here it is checked like every other setting first.
"""

from __future__ import annotations

import os
import sys

from app import stderr
from app.settings import Settings, SettingsError, log_format


def main() -> None:
    """Start the service in this process's place."""
    if log_format() == "json":
        stderr.write_objects()
    try:
        settings = Settings.load()
    except SettingsError as error:
        sys.exit(f"poe2openai: {error}")
    command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
    environment = os.environ | {"WEB_CONCURRENCY": str(settings.workers)}
    os.execve(sys.executable, command, environment)  # noqa: S606


if __name__ == "__main__":
    main()
