"""Values from outside held to a type, with pydantic; what is wrong is told in one line."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from spikefront.text import cut, printable

T = TypeVar("T")


def checked(shape: TypeAdapter[T], value: Any, name: str = "") -> T:
    """The value as the type that `shape` stands for; `name` is what messages call it.

    Raises:
        ValueError: it is not of this type; names the first field that is at fault, and what it holds.
    """
    try:
        return shape.validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, (name, *first["loc"]) if name else first["loc"]))
        told = f"{cut(key)}: {first['msg']}, got {cut(repr(first['input']))}"
        raise ValueError(printable(told.removeprefix(": "))) from error
