"""The parser of `--pick` rules; knows no study.

knee
trial:12
best:val_accuracy
best:val_accuracy where train_memory_mib<=2048 and latency_ms<=3 and distillation.mode==reliable
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, cast

from spikefront.text import did_you_mean
from studies.errors import PickError

Operator = Literal["<=", ">=", "<", ">", "=="]

FORMS = "knee | trial:NUMBER | best:METRIC | best:METRIC where NAME<=VALUE and NAME==VALUE ..."
_MAX_SHOWN = 400
"""Characters of a rule that a message shows."""
OPERATORS = "<= >= < > =="

_TOKEN = re.compile(
    r"""\s*(?:(?P<quoted>"[^"]*"|'[^']*')|(?P<operator><=|>=|==|<|>)|(?P<colon>:)|(?P<word>[^\s<>=!:"']+))"""
)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_MAX_DIGITS = 18
"""Whole numbers with more digits are read as floats, which is exact enough for values of trials."""
_NUMBER_OF_TRIAL = re.compile(r"\d{1,18}", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)


@dataclass(frozen=True)
class Knee:
    """The trial nearest to the ideal."""


@dataclass(frozen=True)
class Numbered:
    """The trial of this number."""

    number: int


@dataclass(frozen=True)
class Limit:
    """One condition. value: the text on the right; at, value_at: positions of name and value in the rule."""

    name: str
    operator: Operator
    value: str
    is_quoted: bool
    at: int
    value_at: int

    @property
    def number(self) -> int | float | None:
        """The right side as a number; None for text, and for a number in quotes."""
        if self.is_quoted or not _NUMBER.fullmatch(self.value):
            return None
        is_whole = _INTEGER.fullmatch(self.value) and len(self.value) <= _MAX_DIGITS
        return int(self.value) if is_whole else float(self.value)

    def __str__(self) -> str:
        quote = "'" if '"' in self.value else '"'
        right = f"{quote}{self.value}{quote}" if self.is_quoted else self.value
        return f"{self.name}{self.operator}{right}"


@dataclass(frozen=True)
class Best:
    """The trial with the best value of a metric, among those that keep all limits."""

    metric: str
    limits: tuple[Limit, ...]
    at: int


Rule = Knee | Numbered | Best


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int


def parse_rule(rule: str) -> Rule:
    """The parsed rule.

    Raises:
        PickError: with the rule, a caret under the place where it fails, and what is allowed there.
    """
    return _Parser(rule).rule()


def names_in(rule: str) -> list[str]:
    """The fields that a rule names, the metric first; none for `knee` and `trial:N`.

    Raises:
        PickError: as `parse_rule`.
    """
    asked = parse_rule(rule)
    return [asked.metric, *(limit.name for limit in asked.limits)] if isinstance(asked, Best) else []


def rule_error(rule: str, at: int, message: str) -> PickError:
    """The error for position `at` of a rule: the rule, a caret below it, the message, the forms allowed."""
    begin = max(0, at - _MAX_SHOWN // 2) if len(rule) > _MAX_SHOWN else 0
    part = rule[begin : begin + _MAX_SHOWN]
    shown = "".join(letter if letter.isprintable() else " " for letter in part)
    caret = " " * (at - begin)
    return PickError(f"cannot use this rule:\n  {shown}\n  {caret}^ {message}\nallowed: {FORMS}")


class _Parser:
    """Reads tokens from left to right, one rule of the grammar a method."""

    def __init__(self, rule: str) -> None:
        self._rule = rule
        self._tokens = self._split()
        self._next = 0

    def rule(self) -> Rule:
        head = self._take(lambda token: token.kind == "word", "expected knee, best: or trial:")
        if head.text == "knee":
            self._end("expected nothing after knee")
            return Knee()
        if head.text not in ("best", "trial"):
            hint = did_you_mean(head.text, ["knee", "best", "trial"])
            raise rule_error(self._rule, head.at, f"expected knee, best: or trial:{hint}")
        self._take(lambda token: token.kind == "colon", f"expected a colon after {head.text}")
        return self._numbered() if head.text == "trial" else self._best()

    def _numbered(self) -> Numbered:
        token = self._take(
            lambda token: _NUMBER_OF_TRIAL.fullmatch(token.text) is not None,
            "expected the number of a trial, such as trial:12",
        )
        self._end("expected nothing after the number of a trial")
        return Numbered(int(token.text))

    def _best(self) -> Best:
        metric = self._take(lambda token: token.kind == "word", "expected the name of a metric")
        limits: list[Limit] = []
        joint = "where"
        while self._next < len(self._tokens):
            self._take(lambda token: token.text == joint, f"expected `{joint}` or the end")  # noqa: B023
            limits.append(self._limit())
            joint = "and"
        return Best(metric.text, tuple(limits), metric.at)

    def _limit(self) -> Limit:
        name = self._take(lambda token: token.kind == "word", "expected the name of a metric or param")
        operator = self._take(lambda token: token.kind == "operator", f"expected one of {OPERATORS}")
        value = self._take(
            lambda token: token.kind in ("word", "quoted"), "expected a number, a word, or text in quotes"
        )
        is_quoted = value.kind == "quoted"
        text = value.text[1:-1] if is_quoted else value.text
        return Limit(name.text, cast(Operator, operator.text), text, is_quoted, name.at, value.at)

    def _take(self, fits: Callable[[_Token], bool], expected: str) -> _Token:
        if self._next == len(self._tokens):
            raise rule_error(self._rule, len(self._rule.rstrip()), expected)
        token = self._tokens[self._next]
        if not fits(token):
            raise rule_error(self._rule, token.at, expected)
        self._next += 1
        return token

    def _end(self, expected: str) -> None:
        if self._next < len(self._tokens):
            raise rule_error(self._rule, self._tokens[self._next].at, expected)

    def _split(self) -> list[_Token]:
        tokens, at, end = [], 0, len(self._rule.rstrip())
        while at < end:
            match = _TOKEN.match(self._rule, at)
            if match is None:
                at += len(self._rule[at:]) - len(self._rule[at:].lstrip())
                is_quote = self._rule[at] in "\"'"
                message = "this quote is never closed" if is_quote else f"operators are {OPERATORS}"
                raise rule_error(self._rule, at, message)
            kind = str(match.lastgroup)
            tokens.append(_Token(kind, match[kind], match.start(kind)))
            at = match.end()
        return tokens
