"""Start: loads the settings, or ends the process with one line that says what is wrong with them."""

from __future__ import annotations

import sys

from app import stderr
from app.settings import Settings, log_format
from app.variables import SettingsError


def load() -> Settings:
    """The settings; ends the process if they cannot be used. Sets standard error up as LOG_FORMAT says."""
    if log_format() == "json":
        stderr.write_objects()
    try:
        return Settings.load()
    except SettingsError as error:
        sys.exit(f"poe2openai: {error}")
