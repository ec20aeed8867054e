"""Values that no program expects, as YAML, as JSON and as arguments of a command."""

from __future__ import annotations

from random import Random

from tests.hostile.case import PAYLOAD
from tests.spaces.hostile_corpus import VALUES

NUL, HALF = "\0", "\ud800"


def _laughs(n: int) -> str:
    """An alias bomb: 9^n items in a few lines, in flow style."""
    levels = "".join(f"[&a{level} [{', '.join([f'*a{level - 1}'] * 9)}], " for level in range(1, n))
    return f"[&a0 [x, x], {levels}1{']' * n}"


YAML_VALUES: tuple[str, ...] = (
    *VALUES,
    *("2020-13-45", "2020-02-30", "0000-00-00", "2020-01-01T99:99:99Z", "2001-12-14t21:59:43.10-05:00"),
    *("!!bool x", "!!int x", "!!float x", "!!timestamp x", "!!binary x", "!!binary ====", "!!null x"),
    *("!!set {a, b}", "!!omap [a: 1]", "!!pairs [a: 1]", "!!seq a", "!!map a", "!!str [a]", "!<!> x", "! x"),
    *(
        "[" * 3000,
        "{a: " * 1500,
        "- " * 3000,
        "? " * 3000,
        "[" * 900 + "]" * 900,
        "{a: " * 400 + "1" + "}" * 400,
    ),
    *(
        _laughs(10),
        "&a [*a, *a]",
        "&a {<<: *a}",
        "<<: [*x]",
        "*",
        "&",
        "!",
        "|",
        ">",
        "%",
        "@",
        "`",
        "=",
        "~",
    ),
    *(
        "9" * 5000,
        "-" + "9" * 400,
        "1e" + "9" * 400,
        "0." + "0" * 400 + "1",
        "0b2",
        "0o9",
        "0x",
        "1__0",
        "+.inf",
    ),
    *("190:20:30", "1:99", "-1:0.5", "._", "-_", "+", "-", ".", "1.e", "1e", "e1", ".e1", "1_e1", "٣", "１"),
    *(
        '"\\0"',
        '"\\ud83d"',
        '"\\U00110000"',
        '"\\x"',
        "'",
        '"',
        "'''",
        "\t",
        "#",
        "a: b: c",
        "- a",
        "? a",
        "--- a",
    ),
    *("\ufeffx", "\x00", "\x07", "\x85", "\u2028", "\ud800", "...", "%YAML 1.1", "%TAG ! x", "!!python/none"),
    f"!!python/object/apply:builtins.exec [{PAYLOAD!r}]",
    "!!python/module:canary_module",
    "!!python/name:canary_module.x",
    "!!python/object/new:canary_module.x []",
)

JSON_VALUES: tuple[str, ...] = (
    *(
        "null",
        "true",
        "false",
        "0",
        "-1",
        "1",
        "3",
        "1.5",
        "-0.0",
        "1e999",
        "-1e999",
        "NaN",
        "Infinity",
        "1e-400",
    ),
    *(str(2**31), str(2**53 + 1), str(2**63), str(-(2**63) - 1), str(2**64), "9" * 400, "9" * 5000, "1e400"),
    *(
        '""',
        '"x"',
        '"\\u0000"',
        '"\\ud800"',
        '"\\ud83d\\ude00"',
        '"1"',
        '"nan"',
        '"../../../etc/passwd"',
        '"/dev/zero"',
    ),
    *('"2020-13-45"', '"0001-01-01T00:00:00"', '"9999-12-31T23:59:59+00:00"', '"2020-01-01"', '"12:00"'),
    *("[]", "[[]]", "[null]", "[1]", '["a"]', "[1, 2, 3, 4, 5, 6, 7]", "{}", '{"": 1}', '{"a": {"b": [1]}}'),
    *(
        "[" * 500 + "]" * 500,
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"a": 1, "a": 2}',
        '{"__class__": 1}',
        '{"name": "x"}',
    ),
    f'"{"v" * 5000}"',
    '"canary_module:build"',
    '"<script>alert(1)</script>"',
    '"\\u001b[2J"',
    '"\\u202e"',
    f"[{', '.join(['1e308'] * 50)}]",
)

TEXTS: tuple[str, ...] = (
    *(
        "",
        " ",
        "-",
        "--",
        "-1",
        "0",
        "1",
        "2",
        "x",
        "nan",
        "inf",
        "-inf",
        "1e999",
        "1e-999",
        "9" * 5000,
        "0x10",
        "1_0",
        "٣",
    ),
    *(
        "1.5",
        "1,2",
        "1/0",
        "0/0",
        "1/3",
        "nan/1",
        "inf/inf",
        "0.5,0.9",
        ",",
        ",,",
        "a,b",
        "true",
        "null",
        "[]",
        "{}",
    ),
    *("30s", "1h", "1h30m", "-5s", "1e9h", "9" * 400 + "h", "0s", "s", "1h1h", "1.5h", "nans", "infh", "٣s"),
    *(
        "..",
        ".",
        "/",
        "//",
        "~",
        "~nobody",
        "/dev/null",
        "/dev/zero",
        "/dev/full",
        "/proc/self/mem",
        "a/b",
        "../x",
        "a\\b",
    ),
    *(
        "x" * 300,
        "x" * 5000,
        "a\nb",
        "\x1b[2J",
        "\u202e",
        "🙂",
        HALF,
        "\udcff",
        "é",
        "%s",
        "{0}",
        "$(touch CANARY)",
        "`x`",
    ),
    *(
        "file:///x",
        "http://[::1",
        "http://x:99999999",
        "s3://",
        "s3://x",
        "gs://x/y",
        "://",
        "mailto:x",
        "x://y:z@w:q/r",
    ),
    *(
        "sqlite://",
        "sqlite:///",
        "sqlite:////",
        "sqlite:///x.db",
        "sqlite:///nowhere/x.db",
        "sqlite:///runs",
        "sqlite:///:memory:",
    ),
    *(
        "sqlite:///x.db?timeout=a",
        "sqlite:///x.db?mode=ro&uri=true",
        "sqlite:///file:x?mode=memory&uri=true",
        "sqlite:///\x00",
    ),
    *(
        "postgresql://",
        "postgresql://x:y@[::1",
        "postgresql://127.0.0.1:1/x",
        "postgresql://127.0.0.1:99999/x",
        "mysql://x",
    ),
    *(
        "redis://x",
        "journal.log",
        "oracle://x/y",
        "sqlite+nothing:///x",
        "sqlite:///" + "x" * 300,
        "postgresql+psycopg://%zz",
    ),
    *(
        "127.0.0.1:1",
        "127.0.0.1:99999",
        ":1",
        "auto",
        "local",
        "ray://127.0.0.1:1",
        "nowhere.invalid:6379",
        "[::1",
    ),
    *(
        "knee",
        "trial:1",
        "best:val_accuracy",
        "cpu",
        "cuda",
        "cuda:99",
        "mps",
        "meta",
        "digits",
        "folder",
        "npz",
    ),
)
"""No argument can hold a null character, so none is here."""


MODEST = (
    "0",
    "1",
    "2",
    "3",
    "8",
    "-1",
    "0.5",
    "0.1",
    "1e-3",
    "true",
    "false",
    "null",
    "none",
    "[1, 2]",
    "[]",
    "x",
)
"""As YAML and, but for words, as JSON: values that often pass the first checks, and meet the next ones."""


def yaml_value(rng: Random) -> str:
    """One of YAML_VALUES, or a modest one."""
    return rng.choice(MODEST if rng.random() < 0.3 else YAML_VALUES)


def json_value(rng: Random) -> str:
    return rng.choice(JSON_VALUES)


def text(rng: Random) -> str:
    """An argument; now and then two of them glued, or a real one with a character changed."""
    chosen = rng.choice(TEXTS)
    return chosen + rng.choice(TEXTS) if rng.random() < 0.1 else chosen


def integer(rng: Random) -> int:
    """Near the bounds of the types that programs hold numbers in."""
    power = rng.choice((0, 7, 8, 15, 16, 24, 31, 32, 40, 53, 62, 63, 64))
    return rng.choice((1, -1)) * ((1 << power) + rng.choice((-1, 0, 1)))
