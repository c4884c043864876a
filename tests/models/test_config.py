from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models import config
from app.models.config import BotConfig, ConfigError, CustomModel, ModelsConfig

RUST = """\
enable: true
models:
  GPT-4o:
    mapping: gpt-4o-2024
    replace_response: true
  claude-sonnet-4.5:
    enable: false
  o3:
    mapping: think
    enable: true
custom_models:
- id: My-Private-Bot
  created: 1716950400
  owned_by: me
- id: other
  created: null
  owned_by: null
api_token: some-token
use_v1_api: true
"""


def test_the_file_of_the_rust_version_works_as_it_is() -> None:
    assert config.decode(RUST) == ModelsConfig(
        enable=True,
        models={
            "GPT-4o": BotConfig(mapping="gpt-4o-2024", replace_response=True),
            "claude-sonnet-4.5": BotConfig(enable=False),
            "o3": BotConfig(mapping="think", enable=True),
        },
        custom_models=[
            CustomModel(id="My-Private-Bot", created=1716950400, owned_by="me"),
            CustomModel(id="other"),
        ],
        api_token="some-token",
        use_v1_api=True,
    )


def test_the_file_that_the_rust_version_begins_with_works() -> None:
    assert config.decode("enable: false\nmodels: {}\ncustom_models: []\n") == ModelsConfig(
        enable=False, custom_models=[]
    )


def test_all_options_are_read() -> None:
    text = """
models:
  Bot:
    mapping: name
    aliases: [one, two]
    enable: true
    replace_response: false
    tools: xml
    parameters: {thinking_budget: 1024, nested: {a: [1, null]}}
    context_length: 128000
    max_output_tokens: 0x1000
    reasoning_field: both
    note: |
      on
      two lines
    unknown: [1]
unknown: 5
"""
    assert config.decode(text).models["Bot"] == BotConfig(
        mapping="name",
        aliases=["one", "two"],
        enable=True,
        replace_response=False,
        tools="xml",
        parameters={"thinking_budget": 1024, "nested": {"a": [1, None]}},
        context_length=128000,
        max_output_tokens=4096,
        reasoning_field="both",
        note="on\ntwo lines\n",
    )


@pytest.mark.parametrize(
    "text", ["", "# nothing", "{}", "enable:", "models:\ncustom_models:\n", "unknown: 1"]
)
def test_a_file_that_says_nothing_is_fine(text: str) -> None:
    read = config.decode(text)
    assert (read.enable, read.models, list(read.custom_models)) == (True, {}, [])


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("- enable", None, 1),
        ("enable: yes", "enable", 1),
        ("enable: 1", "enable", 1),
        ("use_v1_api: 'true'", "use_v1_api", 1),
        ("\nmodels: []", "models", 2),
        ("models:\n  A: x", "models.A", 2),
        ("models:\n  A: {}\n  B:\n    enable: on\n", "models.B.enable", 4),
        ("models:\n  GPT-4.1:\n    mapping: 5\n", "models.GPT-4.1.mapping", 3),
        ("models:\n  A:\n    mapping: [a]\n", "models.A.mapping", 3),
        ("models:\n  A:\n    aliases: a\n", "models.A.aliases", 3),
        ("models:\n  A:\n    aliases:\n    - a\n    - 1\n", "models.A.aliases[1]", 5),
        ("models: {A: {tools: maybe}}", "models.A.tools", 1),
        ("models: {A: {parameters: [a]}}", "models.A.parameters", 1),
        ("models: {A: {parameters: {x: .nan}}}", "models.A.parameters.x", 1),
        ("other:\n- 1\n- {x: 1e999}", "other[1].x", 3),
        ("models: {A: {context_length: 0}}", "models.A.context_length", 1),
        ("models: {A: {context_length: many}}", "models.A.context_length", 1),
        ("models: {A: {max_output_tokens: 1.5}}", "models.A.max_output_tokens", 1),
        ("models: {A: {reasoning_field: thoughts}}", "models.A.reasoning_field", 1),
        ("models: {A: {note: 5}}", "models.A.note", 1),
        ("models: {'': {}}", "models.", 1),
        ("custom_models: {id: x}", "custom_models", 1),
        ("custom_models:\n- id: x\n- owned_by: y\n", "custom_models[1].id", 3),
        ("custom_models:\n- id: ' '\n", "custom_models[0].id", 2),
        ("custom_models:\n- x\n", "custom_models[0]", 2),
        ("custom_models: [{id: x, created: now}]", "custom_models[0].created", 1),
        ("api_token: 5", "api_token", 1),
        ('api_token: "a\\nb"', "api_token", 1),
        ("a: 1\n b: 2", None, 2),
    ],
)
def test_a_wrong_type_is_told_with_its_path_and_line(text: str, path: str | None, line: int) -> None:
    with pytest.raises(ConfigError) as raised:
        config.decode(text)
    assert (raised.value.path, raised.value.line) == (path, line)
    assert str(raised.value).startswith(f"line {line}: ")


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("api_token: t", "t"),
        ("api_token: t\nuse_v1_api: true", "t"),
        ("api_token: t\nuse_v1_api: false", None),
        ("use_v1_api: true", None),
        ("api_token: ''\nuse_v1_api: true", None),
    ],
)
def test_the_token_is_for_the_list_unless_it_is_not_to_be_used(text: str, token: str | None) -> None:
    assert config.decode(text).list_token == token


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
known = st.sampled_from([*config.KNOWN, *config.KNOWN_OF_BOT, *config.KNOWN_OF_CUSTOM])
files = st.dictionaries(
    known, values | st.dictionaries(known | st.text(max_size=3), values) | st.lists(values)
)


@given(values | files)
def test_any_data_is_a_config_or_refused(data: Any) -> None:
    with suppress(ConfigError):
        assert isinstance(config.check(data), ModelsConfig)
