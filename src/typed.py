"""Dataclasses from JSON: the one place that reads them."""

from functools import lru_cache
from typing import Any, TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")


@lru_cache
def adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def read(kind: type[T], document: Any) -> T:
    """Return what `dataclasses.asdict` made an object of, also after a way through JSON. Fields that the kind
    does not have are left out. Raises ValueError.
    """
    # A class can be hashed whether its instances can or not.
    value: T = adapter(kind).validate_python(document)  # type: ignore[arg-type]
    return value
