"""YAML files: reads those of users, to plain values or every mistake in them at once; writes plain values.

YAML 1.2 without tags; duplicate keys are mistakes. Sizes are limited while a file is read (see `yaml_nodes`),
so that no file takes more than a second, and nothing in a file is ever executed.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from spikefront.errors import FileMistakesError, Mistake
from spikefront.files import read_text
from spikefront.yaml_nodes import MAX_BYTES, plain, read_nodes


def read_yaml(path: str | Path) -> Any:
    """The value of a YAML file as dicts with text keys, lists and scalars; None for an empty one.

    Raises:
        FileMistakesError: it cannot be read (see `files.read_text`), or is not such YAML; with lines.
    """
    return parse_yaml(read_text(path, MAX_BYTES), str(path))


def parse_yaml(text: str, source: str) -> Any:
    """As `read_yaml`, for a text; messages call it `source`.

    Raises:
        FileMistakesError: it is not such YAML, or too large.
    """
    if len(text) > MAX_BYTES:
        raise FileMistakesError([Mistake("", f"larger than {MAX_BYTES // 1024} KiB", None)], source)
    root, mistakes = read_nodes(text, source)
    if mistakes:
        raise FileMistakesError(mistakes, source)
    return None if root is None else plain(root)


def yaml_text(values: Mapping[str, Any], *, width: int, flow_lists: bool = False) -> str:
    """Plain values as YAML 1.2, keys in their own order, lines wrapped at `width` columns.

    flow_lists: lists and mappings that hold scalars alone are written on one line, as [1, 2]. Off by default,
    since ruamel writes some texts in them, such as '?0', so that it cannot read them again.

    Raises:
        YAMLError: YAML cannot hold a value.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = None if flow_lists else False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = width
    stream = io.StringIO()
    yaml.dump(dict(values), stream)
    return stream.getvalue()
