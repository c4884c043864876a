"""Version: this program's, as in pyproject.toml."""

VERSION = "0.1.0"
