"""YAML and JSON with one place changed: the file still parses, mostly, and holds what it should not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from random import Random
from typing import Any

from ruamel.yaml import YAML

from spaces.errors import flow
from tests.hostile import raw
from tests.hostile.values import json_value, yaml_value

Steps = tuple[str | int, ...]

_MOST_PLACES = 50_000

HOSTILE_KEYS = (
    '"\\e[2J"',
    '"\\u202e"',
    "__class__",
    "'a.b'",
    "'...'",
    "🙂",
    "k" * 900,
    "'[0]'",
    "T.x",
    "'*'",
)
"""As YAML."""


class Raw(str):
    """A piece of YAML or JSON that is written as it is."""


def steps_of(value: Any, above: Steps = ()) -> Iterator[Steps]:
    """The place of every value below the root."""
    below: Any = (
        enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
    )
    for step, item in below:
        yield (*above, step)
        yield from steps_of(item, (*above, step))


def emitted(value: Any) -> str:
    """A tree as YAML in flow style."""
    if isinstance(value, Raw):
        return value
    if isinstance(value, dict):
        return "{" + ", ".join(f"{emitted(key)}: {emitted(item)}" for key, item in value.items()) + "}"
    return f"[{', '.join(map(emitted, value))}]" if isinstance(value, list) else flow(value)


def key_of(steps: Steps) -> str:
    """A place as messages name it."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).lstrip(".")


def plain_copy(value: Any) -> Any:
    """The same with dicts and lists of its own."""
    if isinstance(value, dict):
        return {key: plain_copy(item) for key, item in value.items()}
    return [plain_copy(item) for item in value] if isinstance(value, list) else value


def json_text(value: Any) -> str:
    """A tree as JSON; what is `Raw` as it is."""
    if isinstance(value, Raw):
        return value
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json_key(key)}: {json_text(item)}" for key, item in value.items()) + "}"
    return f"[{', '.join(map(json_text, value))}]" if isinstance(value, list) else json.dumps(value)


def json_key(key: Any) -> str:
    return key if isinstance(key, Raw) else json.dumps(str(key))


def change_tree(rng: Random, tree: Any, hostile: Any) -> Any:
    """A copy with one value replaced, removed, added, exchanged with another, or put a level deeper.

    hostile: makes a text of the format from `rng`.
    """
    root = {"root": plain_copy(tree)}
    places = list(steps_of(root))
    *above, last = rng.choice(places)
    parent: Any = root
    for step in above:
        parent = parent[step]
    kind = rng.choice(("replace", "replace", "replace", "remove", "add", "exchange", "deeper", "rename"))
    if kind == "remove" and above:
        del parent[last]
    elif kind in ("add", "rename") and isinstance(parent, dict):
        parent[Raw(hostile(rng)) if rng.random() < 0.2 else rng.choice(("x", "", "root", "T"))] = parent[last]
    elif kind == "exchange":
        parent[last] = plain_copy(_at(root, rng.choice(places)))
    elif kind == "deeper":
        parent[last] = rng.choice(([parent[last]], {"a": parent[last]}))
    else:
        parent[last] = Raw(hostile(rng))
    return root["root"]


def _at(tree: Any, steps: Steps) -> Any:
    for step in steps:
        tree = tree[step]
    return tree


def mutate_yaml(rng: Random, content: bytes) -> bytes:
    """A YAML file with places changed; else the text around them."""
    text = content.decode("utf-8", "replace")
    choice = rng.random()
    if choice < 0.6:
        tree = YAML(typ="safe", pure=True).load(text)
        if next(islice(steps_of(tree), _MOST_PLACES, None), None):  # aliases of aliases
            return raw.mutate(rng, content)
        for _ in range(rng.choice((1, 1, 1, 2))):
            tree = change_tree(rng, tree, yaml_value)
            if isinstance(tree, Raw):
                return _encoded(rng, tree)
        return _encoded(rng, emitted(tree))
    lines = text.splitlines()
    at = rng.randrange(len(lines)) if lines else 0
    if choice < 0.8 and lines:
        key, colon, _ = lines[at].partition(":")
        lines[at] = f"{key}{colon} {yaml_value(rng)}"
    elif choice < 0.9:
        lines.insert(
            at, rng.choice((yaml_value(rng), f"x: {yaml_value(rng)}", "---", "\t- x", "# " + "x" * 10_000))
        )
    else:
        return raw.mutate(rng, content)
    return _encoded(rng, "\n".join(lines) + "\n")


def _encoded(rng: Random, text: str) -> bytes:
    encoding = rng.choice(("utf-8",) * 20 + ("utf-16", "utf-8-sig", "latin-1", "utf-32"))
    return text.encode(encoding, "surrogatepass" if encoding != "latin-1" else "replace")


def mutate_json(rng: Random, content: bytes) -> bytes:
    """A JSON file with places changed; else its bytes."""
    if rng.random() < 0.15:
        return raw.mutate(rng, content)
    tree = json.loads(content)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        tree = change_tree(rng, tree, json_value)
        if isinstance(tree, Raw):
            break
    return json_text(tree).encode("utf-8", "surrogatepass")


def mutate_lines(rng: Random, content: bytes) -> bytes:
    """A file of JSON records with one line changed, dropped, doubled, moved or made up."""
    lines = content.splitlines(keepends=True)
    if rng.random() < 0.1 or not lines:
        return raw.mutate(rng, content)
    for _ in range(rng.choice((1, 1, 2))):
        at = rng.randrange(len(lines))
        kind = rng.choice(("change", "change", "change", "change", "drop", "double", "move", "make", "end"))
        if kind == "change":
            lines[at] = mutate_json(rng, lines[at]).replace(b"\n", b" ") + b"\n"
        elif kind == "drop":
            del lines[at]
        elif kind == "double":
            lines.insert(rng.randrange(len(lines)), lines[at])
        elif kind == "move":
            lines.insert(rng.randrange(len(lines)), lines.pop(at))
        elif kind == "make":
            lines.insert(
                at, f'{{"op_code": {json_value(rng)}, "worker_id": "x"}}\n'.encode("utf-8", "replace")
            )
        else:
            lines[-1] = lines[-1][:-2]
        if not lines:
            break
    return b"".join(lines)
