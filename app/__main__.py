"""``python -m app``: check the settings, then become gunicorn.

gunicorn reads ``WEB_CONCURRENCY`` by itself before its configuration runs, and ends with a traceback
if that is no number; here it is checked like every other setting first.
"""

from __future__ import annotations

import os
import sys

from app import start
from app.settings import Settings
from app.variables import variables

_USAGE = """\
usage: python -m app

Runs the gateway until SIGTERM. It takes no options; its settings are environment variables,
described in docs/configuration.md:

"""


def main() -> None:
    """Start the service in this process's place, or say how that is done."""
    arguments = sys.argv[1:]
    if arguments in (["-h"], ["--help"]):
        sys.stdout.write(_USAGE + _overview())
        return
    settings = start.load()
    if arguments:
        sys.exit(f"poe2openai: {arguments[0]} is unknown: there are no options, see python -m app --help")
    command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
    environment = os.environ | {"WEB_CONCURRENCY": str(settings.workers)}
    os.execve(sys.executable, command, environment)  # noqa: S606


def _overview() -> str:
    """All variables with their defaults, a line each."""
    each_line = [f"  {each.name:<28}{each.default}".rstrip() for each in variables(Settings).values()]
    return "\n".join([*each_line, ""])


if __name__ == "__main__":
    main()
