"""Hostile and odd YAML: refused with a line, quickly, and never acted on."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikefront.errors import FileMistakesError
from spikefront.yaml_nodes import MAX_DEPTH, MAX_NODES, line_of, plain, read_nodes
from tests.spaces.helpers import write_yaml

REPEATABLE = settings(derandomize=True, deadline=None)
LAUGHS = "a: &a [x, x, x, x, x, x, x, x]\n" + "\n".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 8)}]" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
FATAL = {
    "flow nest": ("a: " + "[" * 200_000, 1, f"nested more than {MAX_DEPTH} deep"),
    "block nest": ("- " * 100_000, 1, f"nested more than {MAX_DEPTH} deep"),
    "key nest": ("? " * 100_000, 1, f"nested more than {MAX_DEPTH} deep"),
    "many values": ("a:\n" + "- 1\n" * 60_000, MAX_NODES - 1, f"more than {MAX_NODES} values"),
    "laughs": (LAUGHS, 3, f"more than {MAX_NODES} values"),
    "alias nest": (
        "k0: &k0 [1]\n" + "\n".join(f"k{i + 1}: &k{i + 1} [*k{i}]" for i in range(30)),
        MAX_DEPTH,
        "nests more than",
    ),
    "alias of itself": ("a: 1\nb: &b [1, *b]", 2, "the alias b stands inside its own anchor: a circle"),
    "alias circle": ("a: &a {b: {c: *a}}", 1, "the alias a stands inside its own anchor: a circle"),
    "alias of nothing": ("a: *b", 1, "the alias b has no anchor before it"),
    "two documents": ("a: 1\n---\nb: 2", 2, "a second document"),
    "second of two empty": ("---\n---\nb: 2", 2, "a second document"),
    "YAML 1.1": ("%YAML 1.1\n---\na: yes", 2, "read as YAML 1.2"),
    "tab": ("a:\n\t- b", 2, "not valid YAML: a tab; indent with spaces"),
    "open quote": ('a: 1\nb: "x\nc: 1\n', 2, "not valid YAML: a quote is never closed"),
    "open bracket": ("a: 1\nb: [x\nc: 1\n", 3, "expected a comma or `]`, got `:`; .* opened on line 2"),
    "bracket open to the end": ("a: 1\nb: [x,\n  y\n", 2, "not valid YAML: a bracket is never closed by `]`"),
    "two colons": ("a: b: c", 1, "a second `: ` on one line, .* must stand in quotes"),
    "no colon": ("a: 1\nb\nc: 2", 2, "a key without `: ` after it"),
    "reserved character": ("a: @b", 1, "a text that begins with @ must stand in quotes"),
    "no value": ("a: [,]", 1, "a value is missing before `,`"),
    "after the end": ("[1]\na: 2", 2, "a key after the end of the file's content"),
    "indentation": ("a: 1\nb: 'it's'\n", 2, "a text does not fit in here; look at the indentation"),
    "unknown escape": ('a: "\\q"', 1, "a backslash with 'q' is no escape"),
    "anchor without a name": ("a: & 1", 1, "while scanning an anchor, expected alphabetic"),
    "control character": ("a: 1\nb: \x01", 2, r"the character U\+0001 is not allowed"),
    "null character": ("\0", 1, r"the character U\+0000 is not allowed"),
    "escape beyond Unicode": ('a: 1\nb: "\\UFFFFFFFF"', 2, "not valid YAML: an escape .* beyond all"),
    "lone bracket": ("]", 1, "not valid YAML"),
    "broken directive": ("%YAML a\n---\n", 1, "not valid YAML"),
}
MENDABLE = {
    "python tag": (
        "a: 1\nb: !!python/object/apply:os.system ['exit 1']",
        2,
        "b",
        "the tag .*os.system.* is not",
    ),
    "own tag": ("a: !x 1", 1, "a", 'the tag "!x" is not allowed'),
    "core tag": ('a: !!int "1"', 1, "a", "the tag .*int.* is not allowed"),
    "duplicate": ("a: 1\nb: 2\na: 3", 3, "a", "a duplicate key; it stands on line 1 already"),
    "inner duplicate": ("a:\n  b: {c: 1, c: 2}", 2, "a.b.c", "a duplicate key; it stands on line 2 already"),
    "integer key": ("a:\n  1: 2", 2, "a", "a key must be text, got 1"),
    "null key": ("null: 2", 1, "", "a key must be text, got null"),
    "boolean key": ("true: 2", 1, "", "a key must be text, got true"),
    "list key": ("? [x, 1]\n: 2", 1, "", r"a key must be text, got \[x, 1\]"),
    "mapping key": ("{{a: 1}: 2}", 1, "", r"a key must be text, got \{a: 1\}"),
    "long decimal": ("a: " + "9" * 100_000, 1, "a", "9999… is too large a number"),
    "long hexadecimal": ("a: 0x" + "f" * 100_000, 1, "a", "is too large a number"),
    "2^63": (f"a: [1, {2**63}]", 1, "a[1]", "9223372036854775808 is too large a number"),
    "merge key": ("a: {<<: {b: 1}}", 1, "a.<<", "merge keys are not read; write the fields out"),
    "endless text": (f"a: {'x' * 5000}", 1, "a", "xx…: a text of 5000 characters; allowed are 4096"),
    "half a surrogate pair": ('a: "\\uD800"', 1, "a", "half of a surrogate pair"),
}


@pytest.mark.parametrize("name", FATAL)
def test_what_cannot_be_read_on(name: str) -> None:
    text, line, message = FATAL[name]
    started = time.perf_counter()
    with pytest.raises(FileMistakesError, match=message) as caught:
        read_nodes(text, "f.yaml")
    assert time.perf_counter() - started < 3  # far less in practice; a limit that is not held costs minutes
    assert caught.value.mistakes[-1].line == line


@pytest.mark.parametrize("name", MENDABLE)
def test_what_is_noted_and_read_on(name: str) -> None:
    text, line, key, message = MENDABLE[name]
    root, mistakes = read_nodes(text, "f.yaml")
    assert root is not None
    with pytest.raises(FileMistakesError, match=message):
        raise FileMistakesError(mistakes, "f.yaml")
    assert [(mistake.key, mistake.line) for mistake in mistakes] == [(key, line)]


def test_a_duplicate_key_keeps_the_first() -> None:
    root, _ = read_nodes("a: 1\na: 2", "f.yaml")
    assert root is not None
    assert plain(root) == {"a": 1}


def test_too_many_mistakes_end_the_reading() -> None:
    with pytest.raises(
        FileMistakesError, match="too many mistakes; the rest of the file was not read"
    ) as caught:
        read_nodes("a: 1\n" * 2000, "f.yaml")
    assert len(caught.value.mistakes) < 100


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("5.0e-4", 0.0005),
        ("yes", "yes"),
        ("on", "on"),
        ("True", True),
        ("~", None),
        ("0o14", 12),
        ("012", 12),
        ("0x1f", 31),
        ("1_000", 1000),
        ("-_", "-_"),
        ("._", "._"),
        ("-0.0", -0.0),
        ("1:30", "1:30"),
        ("2001-01-01", "2001-01-01"),
        ("<<", "<<"),
        ("'1'", "1"),
        (".inf", float("inf")),
        ("ünï → 漢字 🙂", "ünï → 漢字 🙂"),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, value: Any) -> None:
    root, mistakes = read_nodes(f"a: {text}", "f.yaml")
    assert root is not None
    assert mistakes == []
    assert plain(root) == {"a": value}
    assert type(plain(root)["a"]) is type(value)


@pytest.mark.parametrize("text", ["", "\n\n", "# a comment", "---", "null"])
def test_a_text_without_a_value_has_no_root(text: str) -> None:
    assert read_nodes(text, "f.yaml") == (None, [])


def test_aliases_are_expanded_without_sharing() -> None:
    root, _ = read_nodes("a: &x {n: [1]}\nb: *x", "f.yaml")
    assert root is not None
    values = plain(root)
    values["a"]["n"].append(2)
    assert values == {"a": {"n": [1, 2]}, "b": {"n": [1]}}


def test_each_key_and_element_knows_its_line() -> None:
    root, _ = read_nodes("a:\n  b:\n    - 1\n    - {c: 2,\n       d: 3}\n", "f.yaml")
    assert line_of(root, ("a",)) == 1
    assert line_of(root, ("a", "b")) == 2
    assert line_of(root, ("a", "b", 0)) == 3
    assert line_of(root, ("a", "b", 1, "d")) == 5
    assert line_of(root, ("a", "b", 1, "missing", "below")) == 4
    assert line_of(root, ("missing",)) is None
    assert line_of(root, ()) == 1
    assert line_of(None, ("a",)) is None


@REPEATABLE
@given(st.text(max_size=200) | st.text(alphabet="a:-[]{}&*!|>'\"%#?, \n\t\\u0", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read_nodes(text, "f.yaml")
    except FileMistakesError as error:
        assert error.mistakes  # noqa: PT017 - either ending is fine, a crash is not


# ruamel itself does not read back every line break of Unicode that it writes.
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x85\u2028\u2029"), max_size=8)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)


@REPEATABLE
@given(PLAIN)
def test_what_ruamel_writes_is_read_back(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "value.yaml"
    write_yaml({"value": value}, path)
    root, mistakes = read_nodes(path.read_text(encoding="utf-8"), "f.yaml")
    assert root is not None
    assert mistakes == []
    assert plain(root) == {"value": value}
