"""Text never becomes markup, in HTML and in JSON inside HTML."""

from __future__ import annotations

import json
import math
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.html.markup import Html, join, script_json, tag
from reports.html.shell import fill


class Reader(HTMLParser):
    """Collects what a browser would take for elements, and their text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00\r")))
def test_any_text_comes_back_as_it_was(text: str) -> None:
    read = Reader(tag("p", text, title=text))
    assert read.elements == [("p", {"title": text})]
    assert read.text == text


def test_attributes() -> None:
    assert tag("td", "1", class_="number", data_value=0.5, hidden=True, title=None, lang=False) == (
        '<td class="number" data-value="0.5" hidden>1</td>'
    )
    assert tag("br") == "<br>"
    assert join("<", Html("<b>")) == "&lt;<b>"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_json_in_a_script_says_the_same_and_holds_no_markup(value: object) -> None:
    text = script_json(value)
    assert json.loads(text) == value
    assert not set("<>&\u2028\u2029") & set(text)


def test_json_knows_no_nan() -> None:
    assert script_json({"a": [math.nan, (1.0, -math.inf)]}) == '{"a":[null,[1.0,null]]}'


def test_a_template_is_filled_once() -> None:
    parts = {"a": "{{b}}<", "b": Html("<b>{{a}}</b>")}
    assert fill("{{a}}|{{b}}", parts) == "{{b}}&lt;|<b>{{a}}</b>"
    with pytest.raises(KeyError, match="c"):
        fill("{{c}}", parts)
