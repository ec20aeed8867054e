"""Explains YAML syntax errors in words for users instead of the parser's."""

from __future__ import annotations

import re

from ruamel.yaml.error import MarkedYAMLError, StringMark, YAMLError

from spikefront.text import cut

_WORDS = {
    "mapping values are not allowed here": (
        "a second `: ` on one line, or a key that is indented otherwise than those above; "
        "a text that holds `: ` must stand in quotes"
    ),
    "could not find expected ':'": "a key without `: ` after it",
    "sequence entries are not allowed here": "a list item `- ` where none can stand; put it on its own line",
    r"found character '\\t' that cannot start any token": "a tab; indent with spaces",
    "found character '(.+)' that cannot start any token": r"a text that begins with \1 must stand in quotes",
    "expected ',' or '([]}])', but got '<stream end>'": r"a bracket is never closed by `\1`",
    "expected ',' or '([]}])', but got '(.*)'": r"expected a comma or `\1`, got `\2`",
    "expected <block end>, but found '(.*)'": (
        r"`\1` does not fit in here; look at the indentation, and at the brackets and quotes before it"
    ),
    "expected the node content, but found '<stream end>'": "a bracket is never closed",
    "expected the node content, but found '(.*)'": r"a value is missing before `\1`",
    r"expected '<document start>', but found \('(.*)',\)": r"`\1` after the end of the file's content",
    "found unexpected end of stream": "a quote is never closed",
    "found unknown escape character (.+)": (
        r"a backslash with \1 is no escape; in single quotes a backslash is a backslash"
    ),
}
"""Patterns of the parser's messages, and the messages to print instead."""
_OPENED = ("could not find expected ':'", "found unexpected end of stream", "'<stream end>'")
"""Problems that the parser finds after the line that causes them."""
_TOKENS = {
    "`<scalar>`": "a text",
    "`<block mapping start>`": "a key",
    "`<block sequence start>`": "a list item",
    "`?`": "a key",
    "`-`": "a list item",
    "<stream end>": "end of the file",
    "<document start>": "---",
    "<document end>": "...",
    "`<alias>`": "an alias",
    "`<anchor>`": "an anchor",
    "`<tag>`": "a tag",
    r"'\x00'": "the end of the file",
}


def explain(error: YAMLError, text: str) -> tuple[int | None, str]:
    """The line of the error, and what is wrong there, with the column."""
    if isinstance(error, MarkedYAMLError):
        mark = _mark(error)
        at = None if mark is None else (mark.line + 1, mark.column + 1)
        words = _words(error)
    else:
        position = getattr(error, "position", None)  # a character that YAML does not allow
        lines = re.split("\r\n?|\n", text[: position or 0])
        at = None if position is None else (len(lines), len(lines[-1]) + 1)
        character = getattr(error, "character", None)
        words = cut(str(error))
        if character is not None:
            words = f"the character U+{int(character):04X} is not allowed"
    return (None, words) if at is None else (at[0], f"{words} (column {at[1]})")


def _mark(error: MarkedYAMLError) -> StringMark | None:
    """The position of the problem; for what is never closed, where it was opened."""
    marks: list[StringMark | None] = [error.problem_mark, error.context_mark]
    if str(error.problem).endswith(_OPENED):
        marks.reverse()
    return next((mark for mark in marks if mark is not None), None)


def _words(error: MarkedYAMLError) -> str:
    words = cut(", ".join(part for part in (error.context, error.problem) if part), 200)
    for pattern, instead in _WORDS.items():
        match = re.fullmatch(pattern, error.problem or "", re.DOTALL)
        if match is not None:
            words = match.expand(instead)
            break
    for token, name in _TOKENS.items():
        words = words.replace(token, name)
    opened, shows = error.context_mark, error.problem_mark
    if "expected a comma" in words and opened is not None and shows is not None and opened.line < shows.line:
        words += f"; the bracket was opened on line {opened.line + 1}"
    return words
