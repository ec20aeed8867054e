from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.errors import PickError
from studies.pick_rule import OPERATORS, Best, Knee, Numbered, parse_rule
from tests.studies.make import REPEATABLE


def test_every_form_is_understood() -> None:
    assert parse_rule("knee") == Knee()
    assert parse_rule(" trial : 12 ") == Numbered(12)
    assert parse_rule("best:val_accuracy") == Best("val_accuracy", (), 5)
    rule = parse_rule("best:a where b.c[1] <= 2048 and d>-1e-3 and e == 'x y' and f==1,3")
    assert isinstance(rule, Best)
    assert [str(limit) for limit in rule.limits] == ["b.c[1]<=2048", "d>-1e-3", 'e=="x y"', "f==1,3"]
    assert [limit.number for limit in rule.limits] == [2048, -0.001, None, None]


@pytest.mark.parametrize(
    ("text", "number"),
    [("3", 3), ("+3.", 3.0), (".5", 0.5), ("1E3", 1000.0), ("nan", None), ("1_0", None), ('"3"', None)],
)
def test_what_counts_as_a_number(text: str, number: float | None) -> None:
    rule = parse_rule(f"best:a where b=={text}")
    assert isinstance(rule, Best)
    assert rule.limits[0].number == number


@pytest.mark.parametrize(
    ("rule", "at", "message"),
    [
        ("", 0, "expected knee, best: or trial:"),
        ("kne", 0, "did you mean 'knee'?"),
        ("12", 0, "expected knee, best: or trial:"),
        ("knee where T<=3", 5, "expected nothing after knee"),
        ("best", 4, "expected a colon after best"),
        ("best:", 5, "expected the name of a metric"),
        ("best:'a'", 5, "expected the name of a metric"),
        ("best:a b", 7, "expected `where` or the end"),
        ("best:a where", 12, "expected the name of a metric or param"),
        ("best:a where b", 14, "expected one of <= >= < > =="),
        ("best:a where b=3", 14, "operators are <= >= < > =="),
        ("best:a where b!=3", 14, "operators are <= >= < > =="),
        ("best:a where b<=", 16, "expected a number, a word, or text in quotes"),
        ("best:a where b<=<3", 16, "expected a number, a word, or text in quotes"),
        ("best:a where b<=3 or c<=4", 18, "expected `and` or the end"),
        ("best:a where b<=3 where c<=4", 18, "expected `and` or the end"),
        ("best:a where b=='x", 16, "this quote is never closed"),
        ("trial:x", 6, "expected the number of a trial"),
        ("trial:-1", 6, "expected the number of a trial"),
        ("trial:1.5", 6, "expected the number of a trial"),
        ("trial:1 2", 8, "expected nothing after the number"),
    ],
)
def test_a_mistake_shows_the_rule_a_caret_and_what_is_allowed(rule: str, at: int, message: str) -> None:
    with pytest.raises(PickError, match=r"^cannot use this rule:\n") as caught:
        parse_rule(rule)
    _, shown, caret, *_, allowed = str(caught.value).split("\n")
    assert shown == f"  {rule}"
    assert caret.index("^") == at + 2
    assert message in caret
    assert allowed.startswith("allowed: knee | trial:NUMBER | best:METRIC | best:METRIC where")


def test_characters_a_terminal_would_obey_do_not_reach_the_message() -> None:
    with pytest.raises(PickError, match="cannot use this rule") as caught:
        parse_rule("best:a\n\x1b[31m ?")
    assert "\x1b" not in str(caught.value)
    assert str(caught.value).split("\n")[1] == "  best:a  [31m ?"


names = st.from_regex(r"[A-Za-z_][\w.]{0,8}(\[\d\])?", fullmatch=True)
values = st.one_of(
    st.integers().map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.text("abc,.-_/", min_size=1, max_size=6),
    st.text(st.characters(exclude_characters='"', exclude_categories=["Cs"]), max_size=6).map('"{}"'.format),
)
limits = st.lists(st.tuples(names, st.sampled_from(OPERATORS.split()), values), max_size=3)


@REPEATABLE
@given(names, limits, st.sampled_from(["", " ", "\t "]))
def test_what_is_written_by_the_grammar_is_read_back(
    metric: str, written: list[tuple[str, str, str]], space: str
) -> None:
    parts = [space.join([name, operator, value]) for name, operator, value in written]
    text = f"best:{space}{metric}" + (f" where {' and '.join(parts)}" if parts else "")
    rule = parse_rule(text)
    assert isinstance(rule, Best)
    assert rule.metric == metric
    assert [(limit.name, limit.operator, limit.value) for limit in rule.limits] == [
        (name, operator, value[1:-1] if value.startswith('"') else value) for name, operator, value in written
    ]
    for limit, (_, _, value) in zip(rule.limits, written, strict=True):
        assert text[limit.at :].startswith(limit.name)
        assert text[limit.value_at :].startswith(value)


@REPEATABLE
@given(st.text(max_size=30))
def test_any_text_is_read_or_refused_with_a_pick_error(text: str) -> None:
    try:
        parse_rule(text)
    except PickError as error:
        assert "allowed: knee" in str(error)  # noqa: PT017 - either outcome is right
