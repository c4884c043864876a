"""Variables: environment variables as the fields of a dataclass, each with its kind and a description."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from app.kinds import Kind
from app.logs import masked

_USER = re.compile(r"(?<=//)[^/@]*@")


class SettingsError(ValueError):
    """A variable holds a value that cannot be used; the message is one line for the operator."""


@dataclass(frozen=True)
class Variable:
    """An environment variable. ``default`` is text, too, so that it is checked in the same way."""

    name: str
    default: str
    kind: Kind
    description: str
    is_secret: bool = False  # its value is never shown
    may_be_empty: bool = False  # else empty text means the default

    def read(self, environ: Mapping[str, str]) -> Any:
        """The variable's value. Raises ``SettingsError`` if it cannot be used."""
        text = environ.get(self.name, self.default)
        if text == "" and not self.may_be_empty:
            text = self.default
        try:
            return self.kind.parse(text.strip())
        except ValueError:
            value = "(hidden)" if self.is_secret else repr(shown(text))
            message = f"{self.name}={value} cannot be used; allowed is {self.kind.allowed}"
            raise SettingsError(message) from None


def setting(
    name: str,
    default: str,
    kind: Kind,
    description: str,
    *,
    is_secret: bool = False,
    may_be_empty: bool = False,
) -> Any:
    """A dataclass field whose value comes from the variable ``name``."""
    variable = Variable(name, default, kind, description, is_secret, may_be_empty)
    return field(metadata={"variable": variable}, repr=not is_secret)


def variables(settings: type) -> dict[str, Variable]:
    """The variables of a dataclass, by its fields' names."""
    return {each.name: each.metadata["variable"] for each in fields(settings)}


def shown(text: str) -> str:
    """``text`` without what must not be logged: the user in an address, a key in the wrong variable."""
    return masked(_USER.sub("***@", text))
