from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models import config, names
from app.models.config import BotConfig, CustomModel, ModelsConfig

LISTED = ["Claude", "GPT-4o", "o3"]


def assigned(text: str, listed: list[str] = LISTED) -> names.Names:
    return names.assign(config.decode(text), listed)


def test_without_a_word_in_the_file_each_bot_has_its_own_name() -> None:
    found = assigned("")
    assert found.shown == {"Claude": ["Claude"], "GPT-4o": ["GPT-4o"], "o3": ["o3"]}
    assert found.bots == {"claude": "Claude", "gpt-4o": "GPT-4o", "o3": "o3"}


def test_names_match_in_any_case() -> None:
    found = assigned("models: {gpt-4O: {mapping: Fast}, CLAUDE: {enable: false}}")
    assert found.shown == {"GPT-4o": ["Fast"], "o3": ["o3"]}
    assert (found.bots["fast"], found.bots["gpt-4o"], found.bots["claude"]) == ("GPT-4o", "GPT-4o", "Claude")
    assert not found.conflicts


def test_aliases_are_names_like_others() -> None:
    found = assigned("models: {GPT-4o: {mapping: fast, aliases: [Quick, gpt-4o, QUICK, ' ', fast]}}")
    assert found.shown["GPT-4o"] == ["fast", "Quick", "gpt-4o"]
    assert found.bots["quick"] == "GPT-4o"


def test_a_bot_that_is_hidden_answers_by_all_its_names() -> None:
    found = assigned("models: {o3: {enable: false, mapping: think, aliases: [deep]}}")
    assert "o3" not in found.shown
    assert {name for name, bot in found.bots.items() if bot == "o3"} == {"o3", "think", "deep"}


def test_a_custom_bot_is_shaped_as_others_are() -> None:
    custom = "custom_models: [{id: Mine}, {id: ' Other '}, {id: Gone}]"
    found = assigned(f"{custom}\nmodels: {{mine: {{mapping: m}}, gone: {{enable: false}}}}")
    assert found.shown["Mine"] == ["m"]
    assert found.shown["Other"] == ["Other"]
    assert "Gone" not in found.shown
    assert found.bots["m"] == found.bots["mine"] == "Mine"


def test_a_bot_that_only_the_file_knows_is_not_shown() -> None:
    found = assigned("models: {Private: {mapping: mine}}")
    assert set(found.shown) == set(LISTED)
    assert found.bots["mine"] == found.bots["private"] == "Private"


@pytest.mark.parametrize(
    ("text", "path", "shown"),
    [
        # A mapping before an alias before an own name; of mappings the first in the file.
        (
            "models: {o3: {mapping: x}, Claude: {mapping: X}}",
            "models.Claude.mapping",
            {"o3": ["x"], "Claude": ["Claude"]},
        ),
        ("models: {o3: {mapping: CLAUDE}}", "models.o3.mapping", {"o3": ["CLAUDE"]}),
        ("models: {o3: {aliases: [a, claude]}}", "models.o3.aliases[1]", {"o3": ["o3", "a", "claude"]}),
        (
            "models: {o3: {aliases: [a, x]}, Claude: {mapping: x}}",
            "models.o3.aliases[1]",
            {"o3": ["o3", "a"], "Claude": ["x"]},
        ),
        (
            "models: {o3: {aliases: [x]}, Claude: {aliases: [X]}}",
            "models.Claude.aliases[0]",
            {"o3": ["o3", "x"], "Claude": ["Claude"]},
        ),
        ("models: {o3: {mapping: Mine}}\ncustom_models: [{id: mine}]", "models.o3.mapping", {"o3": ["Mine"]}),
        ("models: {o3: {mapping: P}, p: {note: x}}", "models.o3.mapping", {"o3": ["P"]}),
        ("models: {o3: {}, O3: {mapping: y}}", "models.O3", {"o3": ["o3"]}),
        ("custom_models: [{id: mine}, {id: Mine}]", "custom_models[1].id", {"mine": ["mine"]}),
        (
            "models: {o3: {mapping: x}, Claude: {mapping: X}, gpt-4o: {mapping: claude}}",
            "models.Claude.mapping",
            {},
        ),
    ],
)
def test_a_name_that_two_bots_claim(text: str, path: str, shown: dict[str, list[str]]) -> None:
    found = assigned(text)
    assert found.conflicts[0].path == path
    assert found.conflicts[0].message.startswith(path)
    assert {bot: found.shown.get(bot) for bot in shown} == shown
    all_names = [name.casefold() for each in found.shown.values() for name in each]
    assert len(all_names) == len(set(all_names))


@pytest.mark.parametrize(
    "text",
    [
        "models: {o3: {mapping: O3}}",
        "models: {o3: {mapping: x, aliases: [x, o3]}}",
        "models: {o3: {mapping: claude}, claude: {enable: false}}",
        "models: {o3: {mapping: claude}, claude: {mapping: o3}}",
        "models: {o3: {mapping: claude}, claude: {mapping: other}}",
        "models: {o3: {mapping: x}, claude: {mapping: x, enable: false}}",
        "custom_models: [{id: CLAUDE}]",
        "models: {o3: {mapping: ''}, claude: {aliases: ['']}}",
    ],
)
def test_what_is_no_conflict(text: str) -> None:
    assert not assigned(text).conflicts


def test_two_bots_may_change_names() -> None:
    found = assigned("models: {o3: {mapping: claude}, claude: {mapping: o3}}")
    assert (found.bots["claude"], found.bots["o3"]) == ("o3", "Claude")


word = st.sampled_from(["a", "A", "b", "B", "c", "ß", "SS", " ", ""])
bots = st.builds(
    BotConfig,
    mapping=st.none() | word,
    enable=st.sampled_from([None, True, False]),
    aliases=st.none() | st.lists(word),
)
configs = st.builds(
    ModelsConfig,
    models=st.dictionaries(word.filter(str.strip), bots),
    custom_models=st.lists(st.builds(CustomModel, id=word.filter(str.strip))),
)


@given(configs, st.lists(word.filter(str.strip)))
def test_each_name_has_one_bot_and_each_shown_name_leads_to_its_bot(
    file: ModelsConfig, listed: list[str]
) -> None:
    found = names.assign(file, listed)
    shown = [name.casefold() for each in found.shown.values() for name in each]
    assert len(shown) == len(set(shown))
    for bot, own in found.shown.items():
        assert own
        assert all(found.bots[name.casefold()] == bot for name in own)
    assert all(name.casefold() in found.bots for name in (*listed, *file.models))
    if not found.conflicts:
        hidden = {name.casefold() for name, options in file.models.items() if options.enable is False}
        offered = {name.strip().casefold() for name in (*listed, *(each.id for each in file.custom_models))}
        assert {bot.casefold() for bot in found.shown} == offered - hidden
