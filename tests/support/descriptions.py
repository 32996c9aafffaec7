"""The description of the interface, and whether an answer is as it says."""

import copy
import json
from pathlib import Path

from openapi_schema_validator import OAS31Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

__all__ = ["DOCUMENT", "check_answer", "example_of", "operations", "resolved"]

ROOT = Path(__file__).parents[2]
DOCUMENT = json.loads((ROOT / "gateway_flask/openapi.json").read_text())
# What any HTTP answer may carry; the others are described.
OF_HTTP = {
    "cache-control",
    "connection",
    "content-length",
    "content-security-policy",
    "content-type",
    "date",
    "pragma",
    "referrer-policy",
    "server",
    "transfer-encoding",
    "vary",
    "x-accel-buffering",
    "x-content-type-options",
    "x-frame-options",
}
REGISTRY = Registry().with_resource(
    "urn:description",
    Resource.from_contents(DOCUMENT, default_specification=DRAFT202012),
)


def operations(*tags):
    """Method, path and operation of all, or of those with some tags."""
    return [
        (method, path, operation)
        for path, item in DOCUMENT["paths"].items()
        for method, operation in item.items()
        if not tags or set(operation["tags"]) & set(tags)
    ]


def resolved(part):
    while "$ref" in part:
        found = DOCUMENT
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return part


def validate(schema, value):
    absolute = json.dumps(schema).replace('"#/', '"urn:description#/')
    strict = json.loads(absolute)
    if strict.keys() != {"type"}:
        strict["unevaluatedProperties"] = False
    OAS31Validator(strict, registry=REGISTRY).validate(value)


def example_of(operation, media_type):
    """The example of a body, which its own schema takes."""
    content = operation["requestBody"]["content"][media_type]
    schema = json.dumps(content["schema"]).replace('"#/', '"urn:description#/')
    value = copy.deepcopy(content["example"])
    OAS31Validator(json.loads(schema), registry=REGISTRY).validate(value)
    return value


def check_answer(operation, status, headers, text):
    """Fail unless an answer is one that the operation promises."""
    described = resolved(operation["responses"][str(status)])
    promised = described.get("headers", {})
    for name, header in promised.items():
        assert name in headers or not resolved(header).get("required"), name
    assert {name.lower() for name in headers} <= OF_HTTP | {
        name.lower() for name in promised
    }, "stack/openapi/headers.py has what answers carry"
    content = described.get("content", {})
    media_type = (headers.get("Content-Type") or "").partition(";")[0]
    assert media_type in content or not content
    if "json" in media_type and content:
        validate(content[media_type]["schema"], json.loads(text))
