"""Parses YAML text to a tree of nodes with the line of every key and value.

Built from the parser's events, one after the other and without recursion, so that the limits below apply
while a file is read: deeply nested brackets, an alias inside itself or a few aliases that expand to millions
of nodes cost nothing. Tags are never executed. Scalars follow YAML 1.2, by the same rules as a config file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

from ruamel.yaml import YAML, ScalarNode
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    ScalarEvent,
)
from ruamel.yaml.reader import Reader

from spikefront.errors import FileMistakesError, Mistake
from spikefront.text import cut, dotted, shown
from spikefront.yaml_syntax import explain

MAX_BYTES = 128 * 1024
MAX_NODES = 5_000
MAX_DEPTH = 20
MAX_TEXT = 4096
MAX_MISTAKES = 50
_MAX_DIGITS = 4000
_CONSTRUCTED = frozenset({"null", "bool", "int", "float"})


@dataclass
class Node:
    """A value of the file.

    value: a scalar, a list of nodes, or a dict of nodes. key_lines: of a dict, the line of each key.
    size and height count this node and all below it, aliases expanded.
    """

    value: Any
    line: int
    key_lines: dict[str, int] = field(default_factory=dict)
    size: int = 1
    height: int = 1


def plain(node: Node) -> Any:
    """The node as plain Python values, with all nodes below it; aliases share nothing."""
    if isinstance(node.value, dict):
        return {key: plain(item) for key, item in node.value.items()}
    if isinstance(node.value, list):
        return [plain(item) for item in node.value]
    return node.value


def line_of(root: Node | None, path: tuple[str | int, ...]) -> int | None:
    """The line of the key at `path`, or of the nearest key above it; of the file's content for ()."""
    if root is None:
        return None
    node, line = root, None if path else root.line
    for part in path:
        if isinstance(node.value, dict) and part in node.value:
            assert isinstance(part, str)
            line, node = node.key_lines[part], node.value[part]
        elif isinstance(node.value, list) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.line
        else:
            break
    return line


def read_nodes(text: str, source: str) -> tuple[Node | None, list[Mistake]]:
    """The tree of a text, and the mistakes after which reading continues: bad keys, tags, bad scalars.

    The root is None for a text without a value.

    Raises:
        FileMistakesError: it is not YAML, has several documents, or exceeds a limit of this module.
    """
    builder = _Builder(source)
    yaml = YAML(typ="safe", pure=True)
    yaml.Reader = _Reader
    try:
        for event in yaml.parse(text):
            builder.take(event)
    except FileMistakesError:
        raise
    except YAMLError as error:
        line, words = explain(error, text)
        builder.stop(line, f"not valid YAML: {words}")
    except (ValueError, OverflowError, IndexError):
        # The parser raises these for "\UFFFFFFFF", or for a directive of thousands of digits.
        builder.stop(yaml.reader.n_lines, "not valid YAML: an escape or a number beyond all characters")
    except Exception as error:  # any other error of the parser
        builder.stop(yaml.reader.n_lines, f"not valid YAML: the parser ends with {type(error).__name__}")
    return builder.root, builder.mistakes


class _Reader(Reader):
    """Records the number of lines that had been started when the parser ended."""

    n_lines = 1

    def reset_reader(self) -> None:
        self.n_lines = getattr(self, "line", 0) + 1
        super().reset_reader()


@dataclass
class _Open:
    """A mapping or sequence whose end has not been read yet."""

    node: Node
    anchor: str | None
    key: Node | None = None


class _Builder:
    """Builds the tree from the parser's events."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.root: Node | None = None
        self.mistakes: list[Mistake] = []
        self._n_documents = 0
        self._open: list[_Open] = []
        self._anchors: dict[str, Node | None] = {}  # None: not ended yet
        yaml = YAML(typ="safe", pure=True)
        self._resolver, self._constructor = yaml.resolver, yaml.constructor

    def take(self, event: Event) -> None:
        line = event.start_mark.line + 1
        if isinstance(event, CollectionEndEvent):
            ended = self._open.pop()
            self._name(ended.anchor, ended.node)
            self._place(ended.node)
        elif isinstance(event, AliasEvent):
            self._place(self._aliased(event, line))
        elif isinstance(event, ScalarEvent | CollectionStartEvent):
            if event.ctag is not None:
                tag = shown(str(event.tag).replace("tag:yaml.org,2002:", "!!"))
                self._add_mistake(line, f"the tag {tag} is not allowed; write the plain value")
            self._begin(event, line)
        elif isinstance(event, DocumentStartEvent):
            self._check_document(event, line)

    def stop(self, line: int | None, message: str) -> NoReturn:
        raise FileMistakesError([*self.mistakes, Mistake(self._path(), message, line)], self.source)

    def _begin(self, event: ScalarEvent | CollectionStartEvent, line: int) -> None:
        if isinstance(event, ScalarEvent):
            node = Node(self._scalar(event, line), line)
            self._name(event.anchor, node)
            self._place(node)
            return
        if len(self._open) >= MAX_DEPTH:
            self.stop(line, f"nested more than {MAX_DEPTH} deep")
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        self._open.append(_Open(Node({} if isinstance(event, MappingStartEvent) else [], line), event.anchor))

    def _name(self, anchor: str | None, node: Node) -> None:
        if anchor is not None:
            self._anchors[anchor] = node

    def _aliased(self, event: AliasEvent, line: int) -> Node:
        name = shown(event.anchor)
        if event.anchor not in self._anchors:
            self.stop(line, f"the alias {name} has no anchor before it")
        node = self._anchors[event.anchor]
        if node is None:
            self.stop(line, f"the alias {name} stands inside its own anchor: a circle")
        if len(self._open) + node.height > MAX_DEPTH + 1:
            self.stop(line, f"the alias {name} nests more than {MAX_DEPTH} deep")
        return node

    def _place(self, node: Node) -> None:
        if not self._open:
            self.root = None if node.value is None else node
            return
        parent = self._open[-1]
        parent.node.size += node.size
        parent.node.height = max(parent.node.height, node.height + 1)
        if sum(opened.node.size for opened in self._open) > MAX_NODES:
            self.stop(node.line, f"more than {MAX_NODES} values, aliases expanded")
        if isinstance(parent.node.value, list):
            parent.node.value.append(node)
        elif parent.key is None:
            parent.key = node
        else:
            key, parent.key = parent.key, None
            self._set(parent.node, key, node)

    def _set(self, mapping: Node, key: Node, value: Node) -> None:
        if not isinstance(key.value, str):
            message = f"a key must be text, got {shown(plain(key))}; quote it if it is meant as text"
            self._add_mistake(key.line, message)
        elif key.value == "<<":
            message = "merge keys are not read; write the fields out, or give one field an alias"
            self._add_mistake(key.line, message, key.value)
        elif key.value in mapping.value:
            first = mapping.key_lines[key.value]
            self._add_mistake(key.line, f"a duplicate key; it stands on line {first} already", key.value)
        else:
            mapping.value[key.value] = value
            mapping.key_lines[key.value] = key.line

    def _scalar(self, event: ScalarEvent, line: int) -> Any:
        text: str = event.value
        try:
            text.encode()
        except UnicodeEncodeError:
            self._add_mistake(line, "half of a surrogate pair is not text")
            return ""
        if event.ctag is None and not event.implicit[0]:  # quoted; a tag has been reported, and is ignored
            return self._text(text, line)
        tag = str(self._resolver.resolve(ScalarNode, text, (True, False))).rpartition(":")[2]
        if tag not in _CONSTRUCTED:  # a date or `<<` is text here
            return self._text(text, line)
        try:
            value = getattr(self._constructor, f"construct_yaml_{tag}")(ScalarNode(tag=None, value=text))
        except ValueError:
            if len(text) < _MAX_DIGITS:  # ruamel takes `-_` for an integer
                return text
            value = 2**64  # Python refuses integers of thousands of digits
        if tag == "int" and abs(value) >= 2**63:
            self._add_mistake(line, f"{cut(text, 20)} is too large a number")
            return math.inf
        return value

    def _text(self, text: str, line: int) -> str:
        if len(text) > MAX_TEXT:
            self._add_mistake(
                line, f"{shown(text)}: a text of {len(text)} characters; allowed are {MAX_TEXT}"
            )
        return text[:MAX_TEXT]

    def _check_document(self, event: DocumentStartEvent, line: int) -> None:
        self._n_documents += 1
        if self._n_documents > 1:
            self.stop(line, "a second document; a file holds one")
        if event.version not in (None, (1, 2)):
            self.stop(line, "files are read as YAML 1.2; remove the %YAML directive")

    def _add_mistake(self, line: int, message: str, *keys: str) -> None:
        self.mistakes.append(Mistake(self._path(*keys), message, line))
        if len(self.mistakes) >= MAX_MISTAKES:
            self.stop(line, "too many mistakes; the rest of the file was not read")

    def _path(self, *keys: str) -> str:
        return dotted((*self._steps(), *keys))

    def _steps(self) -> Iterator[str | int]:
        for opened in self._open:
            if isinstance(opened.node.value, list):
                yield len(opened.node.value)
            elif opened.key is not None and isinstance(opened.key.value, str):
                yield opened.key.value
