"""The valid values and field names at a path of a control call, for error messages.

`info` is msgspec's description of a type. A tag is the value of the field that selects the
struct in a union; the tag field of a fault is `fault`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from msgspec import inspect

#: A step of a path: `[0]` is an item of a list, `[...]` a value of a map, `.name` a field.
_STEP: Final = re.compile(r"\[(?P<index>\d+|\.\.\.)\]|\.(?P<name>\w+)")


def values_at(kind: Any, body: Any, path: str) -> list[str]:
    """Return the values that are allowed at a path of a body; an empty list: any value.

    `kind` is the type of the body. `path` has msgspec's format, such as `$[0].fault`.
    """
    types, _ = _types_at(kind, body, path)
    return [value for info in types for value in _values(info)]


def fields_at(kind: Any, body: Any, path: str) -> list[str]:
    """Return the field names that are allowed in the object at a path of a body."""
    types, value = _types_at(kind, body, path)
    members = [member for info in types for member in _members(info, value)]
    structs = [member for member in members if _is_struct(member)]
    field_names = [field.encode_name for struct in structs for field in struct.fields]
    return [*{struct.tag_field for struct in structs if struct.tag_field}, *field_names]


def _types_at(kind: Any, value: Any, path: str) -> tuple[list[Any], Any]:
    """Return the types that are allowed at a path, and the value that the body has there."""
    types: list[Any] = [inspect.type_info(kind)]
    for step in _STEP.finditer(path):
        name, index = step["name"], step["index"]
        types = [child for info in types for child in _child_types(info, name, value)]
        if name is not None:
            value = value.get(name) if isinstance(value, dict) else None
        else:
            value = value[int(index)] if index.isdigit() else None
    return types, value


def _child_types(info: Any, name: str | None, value: Any) -> Iterator[Any]:
    """Return the types of a field, or of the items of a list if `name` is None."""
    for member in _members(info, value, name):
        if name is None and isinstance(member, inspect.ListType):
            yield member.item_type
        elif isinstance(member, inspect.DictType):
            yield member.value_type
        elif _is_struct(member) and name == member.tag_field:
            yield inspect.LiteralType((member.tag,))
        elif _is_struct(member):
            yield from (field.type for field in member.fields if field.encode_name == name)


def _members(info: Any, value: Any, name: str | None = None) -> Iterator[Any]:
    """Return the members of a union; structs with another tag than the value's are left out.

    If `name` is the tag field, no struct is left out, because each tag is valid there.
    """
    members = info.types if isinstance(info, inspect.UnionType) else (info,)
    member: Any
    for member in members:
        tag = getattr(member, "tag_field", None)
        if not tag or name == tag or (isinstance(value, dict) and value.get(tag) == member.tag):
            yield member


def _values(info: Any) -> list[str]:
    if isinstance(info, inspect.UnionType):
        return [value for member in info.types for value in _values(member)]
    if isinstance(info, inspect.LiteralType):
        return [str(value) for value in info.values]
    if isinstance(info, inspect.EnumType):
        return [str(member.value) for member in info.cls]
    return []


def _is_struct(info: Any) -> bool:
    return isinstance(info, inspect.StructType)
