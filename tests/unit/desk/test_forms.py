"""The forms of the templates have the fields that their acts accept, and no others."""

from __future__ import annotations

import re
from collections import defaultdict
from importlib.resources import files
from typing import Final

from kasir.desk.acts import Act
from kasir.desk.routes import GUARDED

ACTS: Final[dict[str, Act]] = {
    handler.opt["act"].name: handler.opt["act"] for handler in GUARDED if "act" in handler.opt
}
#: A form of an act: with a body, or with the fields that all acts have only.
_FORM: Final = re.compile(
    r'\{% call ui\.act_form\("([\w.]+)"[^%]*%\}(.*?)\{% endcall %\}|ui\.act_form\("([\w.]+)"',
    re.DOTALL,
)
_FIELD: Final = re.compile(r'ui\.(?:field|select)\("(\w+)"|<(?:input|select)[^>]* name="(\w+)"')
#: A part that several forms of a template have.
_BLOCK: Final = re.compile(r"\{% set (\w+) %\}(.*?)\{% endset %\}", re.DOTALL)
#: The field that only the second look of a payment's change adds.
_KEY: Final = "key"


def fields_of_forms() -> dict[str, set[str]]:
    """The fields of the forms of each act in all templates."""
    found = defaultdict[str, set[str]](set)
    for file in (files("kasir.desk") / "templates").iterdir():
        text = file.read_text("utf-8")
        for name, block in _BLOCK.findall(text):
            text = text.replace(f"{{{{ {name} }}}}", block)
        for act, body, bare in _FORM.findall(text):
            found[act or bare] |= {one or other for one, other in _FIELD.findall(body)}
    return dict(found)


def test_every_form_has_the_fields_of_its_act() -> None:
    assert fields_of_forms() == {name: set(act.fields) - {_KEY} for name, act in ACTS.items()}
