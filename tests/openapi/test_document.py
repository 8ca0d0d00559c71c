"""The OpenAPI description as a document: it is valid, complete in itself, and its examples are right."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from gateway import __version__
from gateway.app import State
from gateway.errors import Reason
from gateway.openapi import document
from tests.openapi.description import Operation, faults, operations, whole

jsonschema = pytest.importorskip("jsonschema")

OPERATIONS = operations()


def every(key: str, part: Any) -> Iterator[Any]:
    """Every value under that key, however deep."""
    if isinstance(part, dict):
        for name, value in part.items():
            if name == key:
                yield value
            yield from every(key, value)
    elif isinstance(part, list):
        for value in part:
            yield from every(key, value)


def label(operation: Operation) -> str:
    return operation.label


def test_it_is_valid_openapi() -> None:
    """By the schema of the OpenAPI Initiative; and every schema in it is one of JSON Schema 2020-12."""
    description = whole()
    assert description["openapi"].startswith("3.1.")
    assert [str(error) for error in OPENAPI_31_VALIDATOR.iter_errors(description)] == []
    for schema in [*description["components"]["schemas"].values(), *every("schema", description["paths"])]:
        jsonschema.Draft202012Validator.check_schema(schema)


def test_the_validator_does_find_faults() -> None:
    """Else the test above says nothing."""
    description = whole()
    description["paths"]["/events"]["post"]["responses"]["2O2"] = {}
    assert list(OPENAPI_31_VALIDATOR.iter_errors(description))


def test_it_can_be_written_as_json_and_each_is_the_callers_own() -> None:
    """Whoever changes one changes no other."""
    first = whole()
    assert json.loads(json.dumps(first)) == document()
    first["paths"]["/events"]["post"]["requestBody"]["content"].clear()
    assert whole()["paths"]["/events"]["post"]["requestBody"]["content"]


def test_it_names_the_version_of_the_package() -> None:
    """A client knows what it was generated for."""
    assert whole()["info"]["version"] == __version__
    assert whole()["info"]["title"]


def test_every_reference_leads_somewhere() -> None:
    """Within the document."""
    description = whole()
    references = list(every("$ref", description))
    assert references
    for reference in references:
        root, *way = reference.split("/")
        assert root == "#"
        place: Any = description
        for step in way:
            place = place[step]


def test_every_schema_is_used() -> None:
    """What nothing refers to is forgotten, and goes wrong unseen."""
    description = whole()
    used = {reference.rsplit("/", 1)[-1] for reference in every("$ref", description)}
    assert description["components"]["schemas"].keys() <= used


@pytest.mark.parametrize("operation", OPERATIONS, ids=label)
def test_every_operation_says_what_it_is_for(operation: Operation) -> None:
    """With a name of its own, a summary, and words for each answer."""
    described = operation.description
    assert re.fullmatch("[a-z][A-Za-z]+", described["operationId"])
    assert described["summary"]
    assert all(answer["description"].endswith(".") for answer in described["responses"].values())


def test_no_two_operations_have_the_same_name() -> None:
    """Generated clients have a method for each."""
    names = [each.description["operationId"] for each in OPERATIONS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("operation", OPERATIONS, ids=label)
def test_every_example_obeys_its_schema(operation: Operation) -> None:
    """Of bodies, of parameters, of answers."""
    for content in every("content", operation.description):
        for media in content.values():
            for example in media.get("examples", {}).values():
                assert list(faults(media["schema"], example["value"])) == []
    for parameter in operation.description.get("parameters", ()):
        assert list(faults(parameter["schema"], parameter["example"])) == []


def test_the_reasons_are_those_of_the_code() -> None:
    """The closed set, no more and no less."""
    assert set(whole()["components"]["schemas"]["Reason"]["enum"]) == set(Reason)


def test_the_states_are_those_of_the_code() -> None:
    """The same of `/status`."""
    states = whole()["components"]["schemas"]["Status"]["properties"]["state"]["enum"]
    assert set(states) == {state.value for state in State}
