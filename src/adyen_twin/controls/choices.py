"""Valid names, for the error message about a control call that has an invalid one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from msgspec import inspect

_STEP: Final = re.compile(r"\[(?P<index>\d+|\.\.\.)\]|\.(?P<name>\w+)")


def values_at(kind: Any, body: Any, path: str) -> list[str]:
    """Return the values that are allowed at a path of a body; empty: any value.

    `path` is msgspec's, such as `$[0].fault`.
    """
    infos, _ = _at(kind, body, path)
    return [value for info in infos for value in _values(info)]


def fields_at(kind: Any, body: Any, path: str) -> list[str]:
    """Return the names of the fields that the object at a path of a body can have."""
    infos, value = _at(kind, body, path)
    structs = [one for info in infos for one in _members(info, value) if _is_struct(one)]
    named = [field.encode_name for struct in structs for field in struct.fields]
    return [*{struct.tag_field for struct in structs if struct.tag_field}, *named]


def _at(kind: Any, value: Any, path: str) -> tuple[list[Any], Any]:
    """Return the types that are allowed at a path, and the value that the body has there."""
    infos: list[Any] = [inspect.type_info(kind)]
    for step in _STEP.finditer(path):
        name, index = step["name"], step["index"]
        infos = [below for info in infos for below in _below(info, name, value)]
        if name is not None:
            value = value.get(name) if isinstance(value, dict) else None
        else:
            value = value[int(index)] if index.isdigit() else None
    return infos, value


def _below(info: Any, name: str | None, value: Any) -> Iterator[Any]:
    for one in _members(info, value, name):
        if name is None and isinstance(one, inspect.ListType):
            yield one.item_type
        elif isinstance(one, inspect.DictType):
            yield one.value_type
        elif _is_struct(one) and name == one.tag_field:
            yield inspect.LiteralType((one.tag,))
        elif _is_struct(one):
            yield from (field.type for field in one.fields if field.encode_name == name)


def _members(info: Any, value: Any, name: str | None = None) -> Iterator[Any]:
    """Return the members of a union; of tagged ones, only the one that the value's tag names."""
    members = info.types if isinstance(info, inspect.UnionType) else (info,)
    one: Any
    for one in members:
        tag = getattr(one, "tag_field", None)
        if not tag or name == tag or (isinstance(value, dict) and value.get(tag) == one.tag):
            yield one


def _values(info: Any) -> list[str]:
    if isinstance(info, inspect.UnionType):
        return [value for one in info.types for value in _values(one)]
    if isinstance(info, inspect.LiteralType):
        return [str(value) for value in info.values]
    if isinstance(info, inspect.EnumType):
        return [str(member.value) for member in info.cls]
    return []


def _is_struct(info: Any) -> bool:
    return isinstance(info, inspect.StructType)
