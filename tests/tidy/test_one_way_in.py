"""What comes in has one way in: one module decodes JSON, and one place guards text against NUL."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Final

KASIR: Final = PurePosixPath("src/kasir")
#: What decodes JSON, as it is written in the source.
DECODERS: Final = {"json.loads", "json.JSONDecoder", "msgspec.json.Decoder", "msgspec.json.decode"}
#: Where JSON is decoded, and why it is not left to `adyen/texts.py`.
DECODES: Final = {
    "adyen/texts.py": "all JSON of requests, replies and notifications",
    "adyen/notifications.py": "the envelope: each item is kept with its bytes as they came",
    "demo/alone.py": "a file of the demo's own",
    "demo/doctor_check.py": "what a command of ours printed",
    "jobs/closing.py": "a question of ours, from its row",
    "store/payments.py": "a fact of ours, from its row",
    "requests/subscription_fields.py": "names a field that came twice, once that is known",
    "store/links.py": "a link of ours, from its row",
    "web/events_api.py": "an event of ours, from its row",
}
#: Where NUL is written, and why.
NULS: Final = {
    "adyen/checks.py": "names the field of a request that has one",
    "adyen/texts.py": "replaces it, for every statement: see store/database.py",
    "payment_form/static_files.py": "the name of a file, which is not stored",
    "webhooks/receiving.py": "leaves it out of an excerpt that is read by people",
}


def test_json_is_decoded_in_one_module(modules: Mapping[PurePosixPath, ast.Module]) -> None:
    found = {
        path
        for path, node in _nodes(modules)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in DECODERS
    }

    assert found - DECODES.keys() == set()


def test_nul_is_guarded_against_in_one_place(
    modules: Mapping[PurePosixPath, ast.Module],
) -> None:
    found = {
        path
        for path, node in _nodes(modules)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\0" in node.value
    }

    assert found - NULS.keys() == set()


def test_no_assertion_stands_for_a_type(modules: Mapping[PurePosixPath, ast.Module]) -> None:
    found = [
        f"{path}:{node.lineno}"
        for path, module in modules.items()
        for node in ast.walk(module)
        if isinstance(node, ast.Assert)
        or (isinstance(node, ast.Name) and node.id == "AssertionError")
    ]

    assert found == []


def _nodes(modules: Mapping[PurePosixPath, ast.Module]) -> Iterator[tuple[str, ast.AST]]:
    for path, module in modules.items():
        if path.is_relative_to(KASIR):
            for node in ast.walk(module):
                yield str(path.relative_to(KASIR)), node
