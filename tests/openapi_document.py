"""The OpenAPI document as tests use it: find an operation, and check an answer against it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import jsonschema

from kasir.web.app import create_app
from kasir.web.openapi import document

METHODS = {"get", "post", "patch", "put", "delete"}


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the document, with its method in upper case."""

    name: str
    method: str
    path: str
    content: Mapping[str, Any]

    @property
    def is_keyed(self) -> bool:
        """Whether the operation requires an API key."""
        return {"apiKey": []} in self.content.get("security", [])

    @property
    def success(self) -> int:
        """The status of the answer if all goes well."""
        return next(int(status) for status in self.content["responses"] if status < "300")

    @property
    def body(self) -> Mapping[str, Any]:
        """The schema and the example of the request's body; empty if there is none."""
        request: dict[str, Any] = self.content.get("requestBody", {}).get("content", {})
        content: dict[str, Any] = request.get("application/json", {})
        return content

    def parameters(self, where: str) -> dict[str, Mapping[str, Any]]:
        """The parameters that are in `query`, `path` or `header`, by their names."""
        return {one["name"]: one for one in self.content["parameters"] if one["in"] == where}


@dataclass(frozen=True, slots=True)
class OpenApi:
    """The document, and which answers were checked against it: operation and status."""

    document: Mapping[str, Any]
    checked: set[tuple[str, int]] = field(default_factory=set)

    def operations(self) -> Iterator[Operation]:
        """Every operation, in the same order in every process."""
        for path, item in sorted(self.document["paths"].items()):
            for method in sorted(METHODS & item.keys()):
                content = item[method]
                yield Operation(content["operationId"], method.upper(), path, content)

    def operation(self, name: str) -> Operation:
        """The operation with this `operationId`."""
        return next(one for one in self.operations() if one.name == name)

    def faults(self, schema: Mapping[str, Any], value: object) -> list[str]:
        """What of a value does not match a schema of the document."""
        whole = {**schema, "components": self.document["components"]}
        validator = jsonschema.Draft202012Validator(
            whole, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
        )
        return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]

    def response(self, operation: Operation, status: str) -> Mapping[str, Any]:
        """What the document says of an answer with this status."""
        responses = operation.content["responses"]
        found: Mapping[str, Any] = responses.get(status) or responses["default"]
        if "$ref" not in found:
            return found
        name = found["$ref"].rpartition("/")[2]
        shared: Mapping[str, Any] = self.document["components"]["responses"][name]
        return shared

    def check(self, name: str, status: int, content_type: str, body: bytes) -> None:
        """Check an answer against what the document says of it, and record that."""
        content = self.response(self.operation(name), str(status)).get("content", {})
        if not content:
            assert body == b"", (name, status, body)
        else:
            kind = content_type.partition(";")[0]
            assert kind in content, (name, status, content_type)
            value = json.loads(body) if kind == "application/json" else body.decode()
            assert self.faults(content[kind]["schema"], value) == [], (name, status, value)
        self.checked.add((name, status))


def own_document() -> OpenApi:
    """The document of an app that is not open: it does not depend on the settings."""
    return OpenApi(json.loads(json.dumps(document(create_app()))))
