"""Checks values from outside against a type with pydantic; errors are one line."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from spikefront.text import cut, printable

T = TypeVar("T")


def checked(shape: TypeAdapter[T], value: Any, name: str = "") -> T:
    """The value as the type of `shape`; messages call it `name`.

    Raises:
        ValueError: it is not of this type; names the first wrong field and its value.
    """
    try:
        return shape.validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, (name, *first["loc"]) if name else first["loc"]))
        message = f"{cut(key)}: {first['msg']}, got {cut(repr(first['input']))}"
        raise ValueError(printable(message.removeprefix(": "))) from error
