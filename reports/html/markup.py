"""HTML in which text never becomes markup: plain strings are escaped, `Html` is kept as it is."""

from __future__ import annotations

import html
import json
import math
from typing import Any

_VOID = frozenset({"br", "hr", "img", "meta", "link", "input"})


class Html(str):
    """A string that is already markup."""

    __slots__ = ()


def tag(name: str, *children: str, **attributes: str | float | bool | None) -> Html:
    """One element with escaped children and attributes.

    In attribute names a trailing underscore is dropped and the others become hyphens: `class_`,
    `data_value`.
    None and False leave an attribute out; True writes it without a value.
    """
    written = [
        f" {_attribute_name(key)}" + ("" if value is True else f'="{html.escape(str(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    ]
    opening = f"<{name}{''.join(written)}>"
    return Html(opening if name in _VOID else f"{opening}{join(*children)}</{name}>")


def join(*children: str) -> Html:
    """The children one after the other: `Html` as it is, all other text escaped."""
    return Html("".join(child if isinstance(child, Html) else html.escape(child) for child in children))


def _attribute_name(key: str) -> str:
    return key.removesuffix("_").replace("_", "-")


def script_json(value: Any) -> Html:
    """Strict JSON that is safe inside a script element: no `<`, `>`, `&` or line separators in it.

    Numbers that JSON does not know (NaN, infinities) become null.
    """
    text = json.dumps(finite(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Html(text)


def finite(value: Any) -> Any:
    """The same nested value with every NaN and infinity replaced by None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return value


def plot_text(text: str) -> str:
    """Text for Plotly's axis titles and labels, which read a little HTML."""
    return html.escape(text, quote=False)
