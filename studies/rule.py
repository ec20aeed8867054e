"""The language of `--pick`: what it says, before any trial is looked at.

rule      = "knee" | "trial:" number | "best:" name [ "where" condition { "and" condition } ]
condition = name ( "<=" | ">=" | "<" | ">" | "==" ) ( number | word | "quoted text" )
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from studies.errors import PickError

Comparison = Literal["<=", ">=", "<", ">", "=="]
FORMS = 'knee, best:METRIC, trial:N, or "best:METRIC where NAME<=NUMBER and NAME==VALUE"'

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))
    | (?P<text>"[^"]*"|'[^']*')
    | (?P<sign><=|>=|==|<|>)
    | (?P<colon>:)
    | (?P<word>[A-Za-z_][\w.\[\],]*)
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Condition:
    """One limit: the field (a metric or a param), how it is compared, and with what."""

    field: str
    sign: Comparison
    value: float | str

    def __str__(self) -> str:
        shown = f"{self.value:g}" if isinstance(self.value, float) else self.value
        return f"{self.field}{self.sign}{shown}"


@dataclass(frozen=True)
class Rule:
    """A parsed rule. metric: of `best`; number: of `trial`; conditions: of `best`."""

    kind: Literal["knee", "best", "trial"]
    metric: str = ""
    number: int = -1
    conditions: tuple[Condition, ...] = ()


def parse_rule(text: str) -> Rule:
    """The rule a text says.

    Raises:
        PickError: it says none; the message points at the place and lists what is allowed.
    """
    parser = _Parser(text)
    kind = parser.take("word", "knee, best or trial")
    if kind == "knee":
        rule = Rule("knee")
    elif kind == "trial":
        parser.take("colon", "a colon, as in trial:12")
        number = parser.take("number", "the number of a trial")
        if not number.isdigit():
            raise parser.error("the number of a trial", back=1)
        rule = Rule("trial", number=int(number))
    elif kind == "best":
        parser.take("colon", "a colon, as in best:val_accuracy")
        rule = Rule("best", parser.take("word", "the name of a metric"), conditions=_conditions(parser))
    else:
        raise parser.error("knee, best or trial", back=1)
    parser.finish()
    return rule


def _conditions(parser: _Parser) -> tuple[Condition, ...]:
    if not parser.skip("where"):
        return ()
    conditions = [_condition(parser)]
    while parser.skip("and"):
        conditions.append(_condition(parser))
    return tuple(conditions)


def _condition(parser: _Parser) -> Condition:
    field = parser.take("word", "the name of a metric or a param")
    sign = parser.take("sign", "one of <= >= < > ==")
    value = parser.take_value()
    if isinstance(value, str) and sign != "==":
        raise parser.error(f"a number: texts are only compared by ==, not by {sign}", back=1)
    return Condition(field, sign, value)  # type: ignore[arg-type]  # the token's pattern allows no other


class _Parser:
    """A text cut into tokens (kind, text, place), and a place among them."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self._tokens: list[tuple[str, str, int]] = []
        place = 0
        while text[place:].strip():
            match = _TOKEN.match(text, place)
            if match is None or match.lastgroup is None:
                place += len(text[place:]) - len(text[place:].lstrip())
                raise _error(text, place, "a name, a number, a quoted text, or one of <= >= < > == :")
            self._tokens.append((match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
            place = match.end()

    def take(self, kind: str, wanted: str) -> str:
        """The next token, if it is of this kind."""
        if self._at == len(self._tokens) or self._tokens[self._at][0] != kind:
            raise self.error(wanted)
        self._at += 1
        return self._tokens[self._at - 1][1]

    def take_value(self) -> float | str:
        """The next token as a value: a number, a word, or a quoted text without its quotes."""
        kind = self._tokens[self._at][0] if self._at < len(self._tokens) else ""
        if kind == "number":
            return float(self.take("number", ""))
        if kind == "text":
            return self.take("text", "")[1:-1]
        return self.take("word", "a number, a word or a quoted text")

    def skip(self, word: str) -> bool:
        """Whether the next token is this word; it is passed over then."""
        if self._at < len(self._tokens) and self._tokens[self._at][:2] == ("word", word):
            self._at += 1
            return True
        return False

    def finish(self) -> None:
        """Nothing may follow."""
        if self._at < len(self._tokens):
            raise self.error("the end of the rule")

    def error(self, wanted: str, back: int = 0) -> PickError:
        """What was wanted at the place of the next token, or of the one `back` before it."""
        at = self._at - back
        place = self._tokens[at][2] if at < len(self._tokens) else len(self._text)
        return _error(self._text, place, wanted)


def _error(text: str, place: int, wanted: str) -> PickError:
    return PickError(f"--pick: wanted {wanted}\n  {text}\n  {' ' * place}^\nallowed: {FORMS}")
