"""Frozen dataclasses to JSON text and back, exactly.

Only what differs from a field's default is written, so an index of a million instances stays small and a field that is
added later reads from older text. Bytes travel as base64.
"""

import base64
import functools
import json
import types
import typing
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar

T = TypeVar("T")


def to_json(value: object) -> str:
    """A frozen dataclass as compact JSON."""
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"))


def from_json(kind: type[T], text: str) -> T:
    """The inverse of `to_json` for a dataclass of type `kind`; ValueError when the text is another's."""
    annotation: Any = kind
    try:
        result: T = _reader(annotation)(json.loads(text))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no JSON of {kind.__name__}") from error
    return result


@functools.cache
def _defaults(kind: type) -> tuple[tuple[str, Any], ...]:
    return tuple((field.name, field.default) for field in fields(kind))


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if is_dataclass(value) and not isinstance(value, type):
        result = {}
        for name, default in _defaults(type(value)):
            own = getattr(value, name)
            if default is MISSING or own != default:
                result[name] = _plain(own)
        return result
    return value


def _same(value: Any) -> Any:
    return value


@functools.cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    """What turns parsed JSON into a value of the annotation `kind`."""
    if kind is bytes:
        return base64.b64decode
    if is_dataclass(kind) and isinstance(kind, type):
        hints = typing.get_type_hints(kind)
        readers = {field.name: _reader(hints[field.name]) for field in fields(kind)}

        def read(raw: Any) -> Any:
            return kind(**{name: readers[name](own) for name, own in raw.items() if name in readers})

        return read
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        inner = _reader(arguments[0])
        if len(arguments) > 1 and arguments[1] is not Ellipsis and any(_reader(one) is not inner for one in arguments):
            raise TypeError(f"a tuple of mixed values: {kind}")
        if inner is _same:
            return tuple
        return lambda raw: tuple(inner(item) for item in raw)
    if origin in (typing.Union, types.UnionType):
        (chosen,) = (one for one in arguments if one is not type(None))
        inner = _reader(chosen)
        return inner if inner is _same else lambda raw: None if raw is None else inner(raw)
    return _same
