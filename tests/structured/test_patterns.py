from __future__ import annotations

import pytest

from app.structured import patterns


@pytest.mark.parametrize(
    ("pattern", "found", "missed"),
    [
        ("^a$", "a", "a\n"),
        (r"^\d{4}-\d\d$", "2024-12", "2024-1२"),
        (r"^[\d.]+$", "1.5", "१"),
        (r"^\w+$", "a_1", "é"),
        ("^[^]{2}$", "\n\n", "\n"),
        ("a[]|b", "b", "a"),
        ("{{name}}", "a {{name}}", "{name}"),
        (r"(?<y>a|b)\k<y>", "aa", "ab"),
        (r"\u{1F600}\u0041", "\U0001f600A", "A"),
        (r"\p{Lu}", "É", "é"),
        (r"\cA", "\x01", "A"),
        (r"^(?!\.)(?!.*\.\.)[a-z.]+@[a-z]+\.[a-z]{2,}$", "a.b@c.de", "a..b@c.de"),  # zod's, shortened
        (r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$", "-12.5", "-."),  # pydantic's Decimal
        ("(?i)abc", "ABC", "AB"),
        (r"^\/\-$", "/-", "/"),
        ("", "", None),
    ],
)
def test_a_pattern_means_what_it_means_in_json_schema(pattern: str, found: str, missed: str | None) -> None:
    compiled = patterns.compiled(pattern)
    assert patterns.is_found(compiled, found)
    assert missed is None or not patterns.is_found(compiled, missed)


@pytest.mark.parametrize(
    "pattern",
    [
        *("(", ")", "[a", "*a", "a{2}{3}", "\\"),
        *("(?R)", "(?1)(a)", "(?&x)", "(*FAIL)", "(?>a)", r"\L<x>", r"\K", "(?<x"),
        *("(?:a?){500000}", "(?:(?:a?){500}b?){500}", "((a|b){1000}){1000}", "(((a{99}){99}){99})"),
        "a" * 2_501,
        "(" * 2_000 + "a" + ")" * 2_000,
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused(pattern: str) -> None:
    with pytest.raises(patterns.BadPattern):
        patterns.compiled(pattern)


@pytest.mark.parametrize("pattern", ["^(a|aa)+$", "(a+)*(a|aa)+$", "(.*a){20}c"])
def test_a_match_that_would_take_for_ever_is_given_up(pattern: str) -> None:
    with pytest.raises(TimeoutError):
        patterns.is_found(patterns.compiled(pattern), "a" * 10_000 + "b")
