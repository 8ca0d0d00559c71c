"""`gateway schema`."""

import io
import json

import pytest

from gateway import senders
from gateway.cli import main
from gateway.commands.schema import schema
from gateway.config.schema import json_schema
from tests.support.configuration import PLUGINS


def test_it_prints_a_json_document_and_the_code_is_0() -> None:
    """With the senders that are installed, and nothing else on standard output."""
    out = io.StringIO()
    assert schema(PLUGINS, out) == 0
    printed = json.loads(out.getvalue())
    branches = printed["properties"]["destinations"]["additionalProperties"]["anyOf"]
    assert [branch["properties"]["type"]["anyOf"][0]["enum"] for branch in branches] == [["bus"], ["vault"]]


def test_it_is_laid_out_for_people_too() -> None:
    """Two spaces a level, and a line's end at the end."""
    out = io.StringIO()
    schema(PLUGINS, out)
    assert out.getvalue().startswith('{\n  "$schema": "https://json-schema.org/draft/2020-12/schema",\n')
    assert out.getvalue().endswith("}\n")


def test_the_command_line_prints_the_schema_of_the_installed_senders(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It can be redirected into a file as it is."""
    with pytest.raises(SystemExit) as ended:
        main(["schema"])
    assert ended.value.code == 0
    assert json.loads(capsys.readouterr().out) == json_schema(senders.plugins())
