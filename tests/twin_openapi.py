"""Validation against Adyen's OpenAPI files, which are not part of this project.

The environment variable ADYEN_OPENAPI names their folder. Without it, tests with `needs_openapi`
are skipped.
"""

from __future__ import annotations

import copy
import functools
import json
import os
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

#: Fields in `additionalData` that Adyen sends but its schemas do not name.
UNNAMED = ("hmacSignature", "recurring.shopperReference")

FOLDER = os.environ.get("ADYEN_OPENAPI") or None

needs_openapi = pytest.mark.skipif(
    FOLDER is None,
    reason="ADYEN_OPENAPI does not name a folder with Adyen's OpenAPI files",
)


@functools.cache
def document(name: str) -> dict[str, Any]:
    """Return a parsed OpenAPI file, changed so that objects allow only the fields it names."""
    assert FOLDER is not None
    parsed: dict[str, Any] = json.loads((Path(FOLDER) / f"{name}.json").read_text())
    for schema in parsed["components"]["schemas"].values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return parsed


def faults(name: str, schema: dict[str, Any], value: Any) -> list[str]:
    """Return the errors of a value under a schema of this file."""
    schema_with_components = {**schema, "components": document(name)["components"]}
    errors = Draft202012Validator(schema_with_components).iter_errors(value)
    return [f"{error.json_path}: {error.message}" for error in errors]


def reply_faults(name: str, path: str, method: str, status: int, value: Any) -> list[str]:
    """Return the errors of an answer under the schema of its API call."""
    response = document(name)["paths"][path][method]["responses"][str(status)]
    return faults(name, response["content"]["application/json"]["schema"], value)


def webhook_faults(value: dict[str, Any]) -> list[str]:
    """Return the errors of a standard notification under the schema of its eventCode."""
    code = value["notificationItems"][0]["NotificationRequestItem"]["eventCode"]
    request = document("Webhooks-v1")["webhooks"][f"/{code}"]["post"]["requestBody"]
    return faults(
        "Webhooks-v1",
        request["content"]["application/json"]["schema"],
        _without_unnamed_fields(value),
    )


def token_webhook_faults(value: dict[str, Any]) -> list[str]:
    """Return the errors of a token webhook under the schema of its type."""
    operation = document("TokenizationNotification-v1")["webhooks"][value["type"]]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    return faults("TokenizationNotification-v1", schema, value)


def _without_unnamed_fields(value: dict[str, Any]) -> dict[str, Any]:
    """Return a notification without the fields that Adyen sends but its schemas do not name.

    The files describe `metadata.<key>` only in prose. `hmacSignature` and
    `recurring.shopperReference` are in the files' examples of OFFER_CLOSED and RECURRING_CONTRACT,
    but not in their schemas. Other tests check the signature.
    """
    plain = copy.deepcopy(value)
    for wrapper in plain["notificationItems"]:
        additional = wrapper["NotificationRequestItem"].get("additionalData", {})
        for key in list(additional):
            if key in UNNAMED or key.startswith("metadata."):
                del additional[key]
    return plain
