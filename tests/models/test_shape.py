from __future__ import annotations

from app.models import config
from app.models.model import Model
from app.models.shape import Bot, Shape, shape

LISTED = [
    Model("Claude", 5, "Anthropic", "A bot", 200_000, 64_000, {"a": 1}, {"p": "1"}, ("x",), has_tools=True),
    Model("GPT-4o", 6, "OpenAI"),
    Model("o3", 7),
]


def shaped(text: str, listed: list[Model] = LISTED) -> Shape:
    return shape(config.decode(text), listed)


def test_a_renamed_bot_keeps_what_poe_says_of_it_under_each_of_its_names() -> None:
    models = shaped("models: {claude: {mapping: Sonnet, aliases: [s]}}").models
    assert [model.id for model in models] == ["Sonnet", "s", "GPT-4o", "o3"]
    assert all(model.context_length == 200_000 and model.owned_by == "Anthropic" for model in models[:2])


def test_lengths_can_be_overridden() -> None:
    found = shaped("models: {claude: {context_length: 1}, gpt-4o: {max_output_tokens: 2}}").by_name
    assert (found["claude"].context_length, found["claude"].max_output_tokens) == (1, 64_000)
    assert (found["gpt-4o"].context_length, found["gpt-4o"].max_output_tokens) == (None, 2)


def test_custom_bots_come_last_with_what_the_file_says_of_them() -> None:
    text = """
custom_models:
- {id: Mine, created: 1716950400000, owned_by: me}
- {id: o3, owned_by: nobody}
- {id: bare}
models: {mine: {context_length: 5}}
"""
    assert shaped(text).models[3:] == [Model("Mine", 1716950400, "me", context_length=5), Model("bare")]
    assert shaped(text).by_name["o3"].owned_by == "poe"


def test_a_bot_has_its_options_under_each_name() -> None:
    text = "models: {CLAUDE: {mapping: s, tools: xml}, o3: {enable: false}}"
    bots = shaped(text).bots
    assert (
        bots["s"] == bots["claude"] == Bot("Claude", config.BotConfig(mapping="s", tools="xml"), True, True)
    )
    assert (bots["o3"].is_listed, bots["gpt-4o"].is_listed) == (False, True)


def test_with_enable_false_the_list_is_poes() -> None:
    text = "models: {claude: {mapping: s, tools: xml}, o3: {enable: false}}\ncustom_models: [{id: x}]"
    found = shaped(f"enable: false\n{text}")
    assert found.models == LISTED
    assert found.bots["claude"].options == config.BotConfig()
    assert "s" not in found.bots


def test_the_panel_sees_all_there_is_with_what_the_file_says() -> None:
    text = """
models:
  claude: {mapping: s, aliases: [t]}
  o3: {enable: false}
  Private: {note: mine}
  gpt-4o: {mapping: S}
custom_models: [{id: Mine}]
"""
    found = {entry.model.id: entry for entry in shaped(text).entries}
    assert list(found) == ["Claude", "GPT-4o", "o3", "Mine", "Private"]
    assert [(entry.shown, entry.listed, entry.custom) for entry in found.values()] == [
        (True, True, False),
        (True, True, False),
        (False, True, False),
        (True, False, True),
        (False, False, False),
    ]
    assert [list(entry.names) for entry in found.values()] == [["s", "t"], ["GPT-4o"], [], ["Mine"], []]
    assert found["Private"].options.note == "mine"
    assert found["Claude"].conflict is None
    assert found["GPT-4o"].conflict is not None
    assert found["GPT-4o"].conflict.path == "models.gpt-4o.mapping"


def test_the_panel_sees_the_files_options_also_while_nothing_is_shaped() -> None:
    found = shaped(
        "enable: false\nmodels: {o3: {enable: false, note: x}}\ncustom_models: [{id: Mine}]"
    ).entries
    assert [(each.model.id, each.shown) for each in found] == [
        ("Claude", True),
        ("GPT-4o", True),
        ("o3", True),
        ("Mine", False),
    ]
    assert found[2].options.note == "x"


def test_a_list_that_has_a_bot_twice_shows_it_once() -> None:
    found = shaped("", [Model("A", 1), Model("a", 2)])
    assert found.models == [Model("A", 1)]
    assert len(found.entries) == 1
