"""The documents describe what the code does, as far as a program can check."""

import inspect
import re
from dataclasses import fields
from pathlib import Path

import pytest

from app import errors
from app.dialects import (
    chat,
    chat_messages,
    message_blocks,
    messages,
    responses,
    responses_input,
    responses_tools,
)
from app.errors import ApiError
from app.models import config, names
from app.settings import Settings
from scripts import configuration

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])

# What has commands of the Makefile in it.
RUNNERS = [*PAGES, ROOT / ".ci" / "run", *ROOT.glob(".github/workflows/*.yml")]

_COMMAND = re.compile(r"(?:^|[`:;] ?|[A-Z]+=\S+ )\s*make ([a-z][a-z-]*)", re.MULTILINE)
_FENCED = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"\]\(([^()\s]+)\)")
_HEADING = re.compile(r"^#+ +(.*?) *$", re.MULTILINE)


def page(name: str) -> str:
    return ROOT.joinpath(name).read_text(encoding="utf-8")


def prose(path: Path) -> str:
    """A page without its code, in which brackets are not links."""
    return _CODE.sub("", _FENCED.sub("", path.read_text(encoding="utf-8")))


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = _HEADING.findall(_FENCED.sub("", path.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def relative_links(path: Path) -> list[str]:
    return [
        link for link in _LINK.findall(prose(path)) if "://" not in link and not link.startswith("mailto:")
    ]


def first_cells(text: str) -> set[str]:
    """The code in the first column of a page's tables."""
    rows = re.findall(r"^ *\|([^|]*)\|", text, re.MULTILINE)
    return {name for cell in rows for name in re.findall(r"`([^`]+)`", cell)}


def error_makers() -> list[tuple[str, ApiError]]:
    """Each of app.errors' functions that make an error, and the error that it makes."""
    made = []
    for name, make in inspect.getmembers(errors, inspect.isfunction):
        if name.startswith("_") or make.__module__ != errors.__name__:
            continue
        required = [
            each for each in inspect.signature(make).parameters.values() if each.default is each.empty
        ]
        made.append((name, make(*(1.0 if each.annotation == "float" else "1" for each in required))))
    return made


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    for link in relative_links(path):
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        assert target.exists(), f"{link}: there is no such file"
        if anchor:
            assert anchor in anchors(target), f"{link}: there is no such heading"


def test_the_pages_have_links_to_check() -> None:
    assert "docs/api.md" in relative_links(ROOT / "README.md")


def test_the_commands_that_are_named_exist_and_all_of_them_are_named() -> None:
    commands = set(re.findall(r"^([a-z-]+):.*## ", page("Makefile"), re.MULTILINE))
    named = {path.name: set(_COMMAND.findall(path.read_text(encoding="utf-8"))) for path in RUNNERS}
    assert set().union(*named.values()) <= commands
    assert named["CONTRIBUTING.md"] >= commands - {"help"}
    assert {"check", "test"} <= named["run"] & named["checks.yml"]


def test_every_module_and_folder_has_its_place_in_the_architecture() -> None:
    rooms = page("docs/architecture.md").partition("\n## Rooms\n")[2].partition("\n## ")[0]
    named = set(re.findall(r"[\w.-]+(?:\.py\b|/)", rooms))
    modules = {path.name for path in ROOT.joinpath("app").rglob("*.py")}
    folders = {path for path in [*ROOT.iterdir(), *ROOT.joinpath("app").rglob("*")] if path.is_dir()}
    rooms_of = {f"{path.name}/" for path in folders if not path.name.startswith((".", "__"))}
    written = set(re.findall(r"^/?([\w.-]+/)$", page(".gitignore"), re.MULTILINE))
    assert (modules | rooms_of) - written - named == set()


def test_every_request_field_stands_in_the_table_of_fields() -> None:
    table = page("docs/api.md").partition("\n### Fields\n")[2].partition("\n### ")[0]
    documented = first_cells(table)
    assert documented >= chat._NOT_PARAMETERS
    assert documented >= set(chat.Request.__struct_fields__)


def test_every_field_item_and_tool_of_responses_stands_in_their_page() -> None:
    fields, _, rest = page("docs/responses.md").partition("\n### Input\n")
    known = responses._NOT_PARAMETERS | {*responses.CreateResponse.__struct_fields__} | responses._TRANSLATED
    assert first_cells(fields) == known
    kinds = [
        *responses_input.Item.__args__,
        *responses_input.Part.__args__,
        *responses_tools.AnyTool.__args__,
    ]
    tags = {kind.__struct_config__.tag for kind in kinds} - {"web_search"}
    assert first_cells(rest) >= tags


def test_every_field_and_block_of_a_message_stands_in_its_page() -> None:
    documented = first_cells(page("docs/messages.md"))
    assert documented >= messages._NOT_PARAMETERS | set(messages.CreateMessage.__struct_fields__)
    assert documented >= {*message_blocks._TYPES, *message_blocks._LEFT_OUT}


def test_every_role_and_part_type_stands_in_the_api_page() -> None:
    text = page("docs/api.md")
    part_types = {part.__struct_config__.tag for part in chat_messages._Part.__args__}
    assert {name for name in {*chat_messages._ROLES, *part_types} if f"`{name}`" not in text} == set()


def test_every_error_code_stands_in_the_table_of_errors() -> None:
    table = page("docs/api.md").partition("\n## Errors\n")[2].partition("\n## ")[0]
    makers = error_makers()
    assert len(makers) >= 10
    rows = [[cell.strip(" `") for cell in line.split("|")[1:4]] for line in table.splitlines() if "|" in line]
    for name, error in makers:
        assert [str(error.status), error.type, error.code or "null"] in rows, name


def yaml_in(name: str) -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```", page(name), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", ["README.md", "docs/models.md"])
def test_the_examples_of_models_yaml_can_be_used(name: str) -> None:
    (example,) = yaml_in(name)
    assert names.assign(config.decode(example), []).conflicts == []


def test_every_field_of_models_yaml_stands_in_its_page() -> None:
    documented = first_cells(page("docs/models.md"))
    assert documented == config.KNOWN | config.KNOWN_OF_BOT
    assert documented <= set(re.findall(r"\w+(?=:)", yaml_in("docs/models.md")[0]))


def test_every_setting_stands_in_the_configuration_page() -> None:
    documented = first_cells(page("docs/configuration.md"))
    assert {each.metadata["variable"].name for each in fields(Settings)} <= documented


def test_the_configuration_page_is_what_the_settings_generate() -> None:
    assert page("docs/configuration.md") == configuration.page()


def test_the_readme_names_only_settings_that_exist() -> None:
    table = page("README.md").partition("\n## Settings\n")[2].partition("\n## ")[0]
    assert first_cells(table) <= {each.metadata["variable"].name for each in fields(Settings)}


def test_the_readme_gives_the_defaults_that_the_settings_have() -> None:
    defaults = {
        each.metadata["variable"].name: each.metadata["variable"].default for each in fields(Settings)
    }
    table = page("README.md").partition("\n## Settings\n")[2].partition("\n## ")[0]
    for line in table.splitlines():
        cells = line.split("|")
        if len(cells) < 4 or "`" not in cells[1]:
            continue
        names, values = (re.findall(r"`([^`]+)`", cell) for cell in cells[1:3])
        assert values == [defaults[name] for name in names if defaults[name]]


READMES = ("README.md", "README.zh-CN.md")


def outline(text: str) -> list[tuple[int, str]]:
    """A page's headings by level, each with the untranslatable parts of its section.

    That is code in the text, in any order, and links to other pages.
    """
    sections = re.split(r"^(#+) .*$", _FENCED.sub("", text), flags=re.MULTILINE)[1:]
    return [
        (
            len(marks),
            " ".join(sorted(set(_CODE.findall(body)) | set(re.findall(r"\]\((docs/[^)]+)\)", body)))),
        )
        for marks, body in zip(sections[::2], sections[1::2], strict=True)
    ]


def rows(text: str) -> list[list[str]]:
    """The code in each cell of the tables' rows: names, defaults, addresses."""
    lines = re.findall(r"^\|(.*)\|$", text, re.MULTILINE)
    return [[" ".join(re.findall(r"`([^`]+)`", cell)) for cell in line.split("|")] for line in lines]


def test_the_readmes_have_the_same_sections_which_name_the_same_things() -> None:
    english, chinese = (outline(page(name)) for name in READMES)
    assert len(english) > 10
    assert chinese == english


def test_the_readmes_have_the_same_code() -> None:
    english, chinese = (_FENCED.findall(page(name)) for name in READMES)
    assert len(english) > 5
    assert chinese == english


def test_the_readmes_have_the_same_tables() -> None:
    english, chinese = (rows(page(name)) for name in READMES)
    assert ["RATE_LIMIT_MS", "100", ""] in english
    assert chinese == english


def test_the_readmes_link_to_each_other_at_their_top() -> None:
    for name, other in (READMES, READMES[::-1]):
        assert other in relative_links(ROOT / name)[:1]
