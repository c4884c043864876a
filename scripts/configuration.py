"""Writes docs/configuration.md from the settings themselves."""

from pathlib import Path

from app.settings import Settings
from app.variables import variables

PAGE = """# Configuration

All settings are environment variables, read once at the start. An invalid value stops the
start with one line that names the variable, its value and what is allowed. An empty variable counts
as absent (except `ADMIN_PASSWORD`). This page is generated from `app/settings.py` by `make docs`.

{table}

`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY` and `REQUESTS_CA_BUNDLE` (or `CURL_CA_BUNDLE`) have their usual
meaning for the connections to Poe. They are also read once.
"""


def table() -> str:
    """All settings, a row each."""
    rows = [
        (f"`{each.name}`", each.default and f"`{each.default}`", each.description, each.kind.allowed)
        for each in variables(Settings).values()
    ]
    head = [("variable", "default", "what it does", "allowed"), ("---",) * 4]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [*head, *rows])


def page() -> str:
    """The whole page."""
    return PAGE.format(table=table())


if __name__ == "__main__":
    Path(__file__).parent.parent.joinpath("docs", "configuration.md").write_text(page(), encoding="utf-8")
