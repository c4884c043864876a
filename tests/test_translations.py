"""The panel's strings: each exists in every language, with the same placeholders, and is used."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

STATIC = Path(__file__).parent.parent / "static"
LANGUAGES = ("en", "zh-CN", "zh-TW")
MODULES = [path for path in sorted(STATIC.rglob("*.js")) if "vendor" not in path.parts]

_NAMES_AND_FIGURES = {
    "custom.owner",
    "editor.aliasesPlaceholder",
    "models.count",
    "status.file",
    "status.hitsOf",
    "status.sizeOf",
    "test.tokens",
}

_CALL = re.compile(r"(?<![\w.])t\(\s*")
_LITERAL = re.compile(r"\"([^\"]+)\"")
_PLACE = re.compile(r"\{\w+\}")


def table(language: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(
        (STATIC / "strings" / f"{language}.json").read_text(encoding="utf-8")
    )
    return content


def used() -> set[str]:
    """The keys used by the page; a key that is not a literal could not be found."""
    keys = set()
    for path in MODULES:
        text = path.read_text(encoding="utf-8").replace("export function t(", "")
        for call in _CALL.finditer(text):
            literal = _LITERAL.match(text, call.end())
            assert literal, f"{path.name}: {text[call.start() : call.end() + 40]!r} names no string"
            keys.add(literal[1])
    return keys


def places(entry: Any) -> set[str]:
    texts = entry.values() if isinstance(entry, dict) else [entry]
    return {place for text in texts for place in _PLACE.findall(text)}


def test_the_modules_are_found() -> None:
    assert len(MODULES) > 15
    assert len(used()) > 200


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_string_is_missing_or_unused(language: str) -> None:
    assert set(table(language)) == used()


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_a_translation_has_the_places_of_the_original(language: str) -> None:
    original, translation = table("en"), table(language)
    assert {key: places(entry) for key, entry in translation.items()} == {
        key: places(entry) for key, entry in original.items()
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_counted_has_the_forms_of_its_language(language: str) -> None:
    counted = [entry for entry in table(language).values() if isinstance(entry, dict)]
    assert all(entry.keys() == {"one", "other"} for entry in counted)
    assert bool(counted) == (language == "en")  # Chinese has one form for all numbers


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_what_is_the_same_in_every_language_is_a_name_or_a_figure(language: str) -> None:
    untranslated = {
        key for key, text in table(language).items() if not re.search(r"[\u4e00-\u9fff]", str(text))
    }
    assert untranslated == _NAMES_AND_FIGURES
