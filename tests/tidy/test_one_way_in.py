"""Only listed modules of Kasir decode JSON or handle NUL in texts, and none contains an assert."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Final

KASIR: Final = PurePosixPath("src/kasir")
#: The functions and classes that decode JSON, as they are written in the source.
DECODERS: Final = {"json.loads", "json.JSONDecoder", "msgspec.json.Decoder", "msgspec.json.decode"}
#: The modules that decode JSON, and what each decodes. JSON from outside is decoded by
#: `adyen/texts.py`, with the exceptions that are described here.
DECODES: Final = {
    "adyen/texts.py": "all JSON of requests, replies and notifications",
    "adyen/notifications.py": "the envelope: each item is stored with its original bytes",
    "demo/alone.py": "a file that the demo wrote",
    "demo/doctor_check.py": "the output of one of our commands",
    "demo/setup_check.py": "the output of one of our commands",
    "demo/node_library.py": "the output of a program of the demo",
    "operations/finding_payments.py": "the position of a page, which the caller may change",
    "reconciliation/fees.py": "fees that Kasir stored",
    "jobs/closing.py": "a question that Kasir stored",
    "store/accounts.py": "the settings of an account, which Kasir stored",
    "store/audit.py": "what Kasir recorded of an act",
    "store/payments.py": "a fact that Kasir stored",
    "requests/subscription_fields.py": "a body with a repeated field, to name the field",
    "store/links.py": "a link that Kasir stored",
    "store/people.py": "the roles of a person, which Kasir stored",
    "web/events_api.py": "an event that Kasir stored",
}
#: The modules that contain a NUL in a text, and the reason.
NULS: Final = {
    "adyen/checks.py": "names the field of a request that contains NUL",
    "adyen/texts.py": "replaces NUL in every statement: see store/database.py",
    "static_files.py": "refuses NUL in the name of a file, which is not stored",
    "webhooks/receiving.py": "removes NUL from an excerpt for people",
}


def test_only_the_listed_modules_decode_json(modules: Mapping[PurePosixPath, ast.Module]) -> None:
    found = {
        path
        for path, node in _nodes(modules)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in DECODERS
    }

    assert found - DECODES.keys() == set()


def test_only_the_listed_modules_handle_nul(
    modules: Mapping[PurePosixPath, ast.Module],
) -> None:
    found = {
        path
        for path, node in _nodes(modules)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\0" in node.value
    }

    assert found - NULS.keys() == set()


def test_the_source_contains_no_assertion(modules: Mapping[PurePosixPath, ast.Module]) -> None:
    found = [
        f"{path}:{node.lineno}"
        for path, module in modules.items()
        for node in ast.walk(module)
        if isinstance(node, ast.Assert)
        or (isinstance(node, ast.Name) and node.id == "AssertionError")
    ]

    assert found == []


def _nodes(modules: Mapping[PurePosixPath, ast.Module]) -> Iterator[tuple[str, ast.AST]]:
    """Every syntax node of Kasir, with its module's path relative to `src/kasir`."""
    for path, module in modules.items():
        if path.is_relative_to(KASIR):
            for node in ast.walk(module):
                yield str(path.relative_to(KASIR)), node
