"""Examples of the acts of the desk: each module `desk_examples_NAME` has those of some pages.

The tests that walk all acts use them, and fail if an act has no example.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from desk_client import Person

#: Prepares what is acted on, as an admin; may return more fields of the form.
Prepare = Callable[[Person], Awaitable[Mapping[str, str] | None]]


async def nothing(person: Person) -> None:
    """Prepare nothing."""


@dataclass(frozen=True)
class Example:
    """A form that asks for an act.

    Attributes:
        act: The act's name.
        path: The path that the form is posted to.
        fields: The fields of the form, without the CSRF token and the reason.
        prepare: Prepares what is acted on.
    """

    act: str
    path: str
    fields: Mapping[str, str] = field(default_factory=dict)
    prepare: Prepare = nothing

    @property
    def id(self) -> str:
        """The name of its test."""
        return self.act


def examples() -> list[Example]:
    """All examples."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("desk_examples_*.py"))
    modules: list[Any] = [import_module(name) for name in names]
    return [example for module in modules for example in module.EXAMPLES]
