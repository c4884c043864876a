"""The code blocks in the documents are valid."""

from __future__ import annotations

import json
import re
import subprocess
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from app.dialects import chat
from tests.gateway import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob(".github/**/*.md")])
_BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def _is_shell(text: str) -> None:
    checked = subprocess.run(
        ["/bin/sh", "-n"], input=text, capture_output=True, text=True, timeout=20, check=False
    )
    assert checked.returncode == 0, checked.stderr


def _is_python(text: str) -> None:
    compile(text, "<example>", "exec")


CHECKS: dict[str, Callable[[str], object]] = {
    "json": json.loads,
    "yaml": yaml.safe_load,
    "sh": _is_shell,
    "python": _is_python,
}


def blocks(path: Path) -> list[tuple[int, str, str]]:
    """A page's code blocks: line, language, and text without the block's indent."""
    text = path.read_text(encoding="utf-8")
    return [
        (text.count("\n", 0, found.start()) + 1, found[2], textwrap.dedent(found[3]))
        for found in _BLOCK.finditer(text)
    ]


EXAMPLES = [
    pytest.param(language, text, id=f"{path.relative_to(ROOT)}:{line}")
    for path in PAGES
    for line, language, text in blocks(path)
    if language in CHECKS
]


@pytest.mark.parametrize(("language", "text"), EXAMPLES)
def test_an_example_is_of_its_language(language: str, text: str) -> None:
    CHECKS[language](text)


def test_there_are_examples_of_every_language() -> None:
    assert {example.values[0] for example in EXAMPLES} == set(CHECKS)


def requests() -> list[object]:
    """The bodies of chat requests in the pages' commands: after -d, or up to END."""
    found = [
        pytest.param(body, id=f"{path.relative_to(ROOT)}:{line}")
        for path in PAGES
        for line, language, text in blocks(path)
        if language in ("sh", "json")
        for quoted, here in re.findall(r"-d '({.*?})'|<< END\n(.*?)\nEND", text, re.DOTALL)
        for body in (quoted or here,)
        if '"messages"' in body
    ]
    assert len(found) > 3
    return found


@pytest.mark.parametrize("body", requests())
def test_a_chat_request_of_the_pages_is_understood(body: str) -> None:
    assert chat.decode(body.encode()).conversation.messages


@pytest.mark.parametrize(
    ("language", "text"), [("json", "{"), ("yaml", "a: b: c"), ("sh", "if true"), ("python", "def")]
)
def test_what_is_not_of_its_language_is_found(language: str, text: str) -> None:
    with pytest.raises((AssertionError, ValueError, SyntaxError, yaml.YAMLError)):
        CHECKS[language](text)
