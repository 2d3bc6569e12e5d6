"""What would have been right: the names that a control call takes where it was given another."""

import re
from collections.abc import Iterator
from typing import Any, Final

from msgspec import inspect

_STEP: Final = re.compile(r"\[(?P<index>\d+|\.\.\.)\]|\.(?P<name>\w+)")


def words_at(kind: Any, body: Any, path: str) -> list[str]:
    """Return the words that may stand at a path of a body, or none where any may.

    `path` is msgspec's, such as `$[0].fault`.
    """
    infos, _ = _at(kind, body, path)
    return [word for info in infos for word in _words(info)]


def fields_at(kind: Any, body: Any, path: str) -> list[str]:
    """Return the names of the fields that the object at a path of a body may have."""
    infos, said = _at(kind, body, path)
    structs = [one for info in infos for one in _members(info, said) if _is_struct(one)]
    named = [field.encode_name for struct in structs for field in struct.fields]
    return [*{struct.tag_field for struct in structs if struct.tag_field}, *named]


def _at(kind: Any, said: Any, path: str) -> tuple[list[Any], Any]:
    """Return what the type says of the place at a path, and what the body has there."""
    infos: list[Any] = [inspect.type_info(kind)]
    for step in _STEP.finditer(path):
        name, index = step["name"], step["index"]
        infos = [below for info in infos for below in _below(info, name, said)]
        if name is not None:
            said = said.get(name) if isinstance(said, dict) else None
        else:
            said = said[int(index)] if index.isdigit() else None
    return infos, said


def _below(info: Any, name: str | None, said: Any) -> Iterator[Any]:
    for one in _members(info, said, name):
        if name is None and isinstance(one, inspect.ListType):
            yield one.item_type
        elif isinstance(one, inspect.DictType):
            yield one.value_type
        elif _is_struct(one) and name == one.tag_field:
            yield inspect.LiteralType((one.tag,))
        elif _is_struct(one):
            yield from (field.type for field in one.fields if field.encode_name == name)


def _members(info: Any, said: Any, name: str | None = None) -> Iterator[Any]:
    """Return the types that something may be; of tagged ones, that which its tag names."""
    members = info.types if isinstance(info, inspect.UnionType) else (info,)
    one: Any
    for one in members:
        tag = getattr(one, "tag_field", None)
        if not tag or name == tag or (isinstance(said, dict) and said.get(tag) == one.tag):
            yield one


def _words(info: Any) -> list[str]:
    if isinstance(info, inspect.UnionType):
        return [word for one in info.types for word in _words(one)]
    if isinstance(info, inspect.LiteralType):
        return [str(value) for value in info.values]
    if isinstance(info, inspect.EnumType):
        return [str(member.value) for member in info.cls]
    return []


def _is_struct(info: Any) -> bool:
    return isinstance(info, inspect.StructType)
