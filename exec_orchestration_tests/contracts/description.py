"""A vendor's contract as docs/openapi describes it, to be asked by tests: does this request fit, does this answer?

Must not live here: what the sandbox or the client does. JSON Schema is judged by jsonschema-rs, which schemathesis
brings; what is here puts a request's path and query into the shape that a schema describes.
"""

import json
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import jsonschema_rs
import yaml

FOLDER = Path(__file__).parents[2] / "docs" / "openapi"
METHODS = ("get", "put", "delete", "post", "patch")
NUMBER = re.compile(r"-?\d{1,4000}", re.ASCII)


@dataclass(frozen=True)
class Operation:
    """One operation, with everything that is referred to put in."""

    name: str
    method: str
    path: str
    parameters: tuple[Mapping[str, Any], ...]
    body: Mapping[str, Any] | None
    answers: Mapping[str, Mapping[str, Any]]

    @property
    def pattern(self) -> re.Pattern[str]:
        """What the path of a request looks like; a parameter is one segment."""
        return re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(self.path)))

    @property
    def query(self) -> dict[str, Mapping[str, Any]]:
        """The parameters of the query by name."""
        return {each["name"]: each for each in self.parameters if each["in"] == "query"}


class Description:
    """One vendor's description. Where `is_closed`, fields that it does not name fit nowhere."""

    def __init__(self, vendor: str, *, is_closed: bool = False) -> None:
        self.document = yaml.safe_load((FOLDER / f"{vendor}.yaml").read_text())
        if is_closed:
            _close(self.document["components"]["schemas"])
        self.operations = {each.name: each for each in self._operations()}

    def _operations(self) -> Iterator[Operation]:
        for path, methods in self.document["paths"].items():
            for method, told in methods.items():
                assert method in METHODS
                answers = {status: self.resolved(answer) for status, answer in told["responses"].items()}
                yield Operation(
                    name=told["operationId"],
                    method=method.upper(),
                    path=path,
                    parameters=tuple(self.resolved(each) for each in told.get("parameters", ())),
                    body=_schema(told["requestBody"]) if "requestBody" in told else None,
                    answers={status: _schema(answer) for status, answer in answers.items()},
                )

    def resolved(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a reference leads to, or the value itself."""
        found: Any = value
        while "$ref" in found:
            place: Any = self.document
            for step in found["$ref"].removeprefix("#/").split("/"):
                place = place[step]
            found = place
        return dict(found)

    def operation_of(self, method: str, path: str) -> Operation:
        """The operation that a request asks for; of two that fit, the one without a parameter in its path."""
        fitting = [each for each in self.operations.values() if each.method == method and each.pattern.fullmatch(path)]
        assert fitting, f"the description has no operation {method} {path}"
        return min(fitting, key=lambda each: each.path.count("{"))

    def request_problems(self, method: str, path_and_query: str, body: bytes) -> list[str]:
        """How a request, below the base, differs from the description; [] where it fits."""
        parts = urlsplit(path_and_query)
        operation = self.operation_of(method, parts.path)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        problems: list[str] = []
        for name, text in dict(pairs).items():
            if name not in operation.query:
                problems.append(f"{operation.name} has no parameter {name!r}")
                continue
            schema = self.resolved(operation.query[name]["schema"])
            problems += [f"{name}: {each}" for each in self.problems(schema, self._value(schema, text))]
        if operation.body is None:
            return problems + (["it has a body"] if body else [])
        return problems + (
            self.problems(operation.body, json.loads(body)) if is_json(body) else ["its body is not JSON"]
        )

    def answer_problems(self, operation: Operation, answer: httpx.Response) -> list[str]:
        """How an answer differs from the description; [] where it fits."""
        status, kind = str(answer.status_code), answer.headers["content-type"]
        if status not in operation.answers:
            return [f"{operation.name} does not answer {status}"]
        if kind != "application/json":
            return [f"{operation.name} answers {kind}"]
        return self.problems(operation.answers[status], answer.json())

    def problems(self, schema: Mapping[str, Any], value: Any) -> list[str]:
        """How a value differs from a schema."""
        whole = {**schema, "components": self.document["components"]}
        return [str(each).splitlines()[0] for each in _validator(json.dumps(whole)).iter_errors(value)]

    def _value(self, schema: Mapping[str, Any], text: str) -> Any:
        """A parameter's text as the value that its schema describes; what cannot be read stays a text, and fits not."""
        kind = schema.get("type")
        if kind == "array":
            return text.split(",") if text else []
        if kind == "integer" and NUMBER.fullmatch(text):
            return int(text)
        return {"true": True, "false": False}.get(text, text) if kind == "boolean" else text


def is_json(body: bytes) -> bool:
    """True where a body can be read."""
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


def _schema(told: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = told["content"]["application/json"]["schema"]
    return found


@cache
def _validator(schema: str) -> Any:
    return jsonschema_rs.Draft202012Validator(json.loads(schema), validate_formats=True)


def _close(value: Any) -> None:
    """Let no object have fields that its schema does not name."""
    if isinstance(value, dict):
        if "properties" in value:
            value.setdefault("additionalProperties", False)
        for each in value.values():
            _close(each)
    elif isinstance(value, list):
        for each in value:
            _close(each)


def served_at(vendor: str, base: str) -> dict[str, Any]:
    """The description's document with another server, and without keys, which tests send by themselves."""
    document = deepcopy(Description(vendor, is_closed=True).document)
    return {**document, "servers": [{"url": base}], "security": []}
