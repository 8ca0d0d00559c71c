"""The README and the guides, held against the code: what they name is there, and what is there is named.

What stands in code spans and code blocks is checked, and only that: prose is the reader's.
"""

import ast
import json
import re
import shlex
import subprocess
import textwrap
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from functools import cache
from importlib.metadata import entry_points
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from gateway.cli import main
from gateway.config import Config, parse
from gateway.config.schema import json_schema
from gateway.emulators.faults import Faults
from gateway.metrics import METRICS, Kind
from gateway.sender import SenderPlugin
from tests.deploy.prometheus import MISSING, PROMTOOL, RULES

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
GUIDES = ROOT / "deploy" / "guides"
DOCUMENTS = [
    README,
    *(path for path in sorted((ROOT / "deploy").rglob("*.md")) if "node_modules" not in path.parts),
]
PLUGINS: dict[str, SenderPlugin] = {
    found.name: found.load() for found in entry_points(group="gateway.senders")
}
SCHEMA = json_schema(PLUGINS)["properties"]

_FENCED = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"^(?: {4,}|\t)(?![-*|])(.*)$", re.MULTILINE)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_METRIC = re.compile(r"\bgateway_[a-z0-9_]*[a-z0-9]\b")
_COMMAND = re.compile(r"(?:\$ )?(?:\.venv/bin/)?gateway ([a-z-].*)")

every_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def prose_of(path: Path) -> str:
    """Without its fenced blocks."""
    return _FENCED.sub("", text_of(path))


def blocks(path: Path, language: str) -> list[str]:
    """The fenced blocks in that language, those of a list moved to the left."""
    return [textwrap.dedent(body) for _, name, body in _FENCED.findall(text_of(path)) if name == language]


def code_of(path: Path) -> Iterator[str]:
    """Every code span, and every line of a code block that is a line of a shell."""
    prose = prose_of(path)
    yield from _SPAN.findall(prose)
    yield from _INDENTED.findall(prose)
    yield from (line for block in blocks(path, "") for line in block.splitlines())


def anchors(path: Path) -> set[str]:
    """Of its headings, as they are linked to."""
    headings = re.findall(r"^#+ (.+)$", prose_of(path), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in headings}


# Links.


@every_document
def test_every_relative_link_leads_to_a_file_and_a_heading_that_are_there(path: Path) -> None:
    """From the document's own place, as a reader follows it."""
    for link in _LINK.findall(prose_of(path)):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        file = (path.parent / target).resolve() if target else path
        assert file.exists(), link
        assert not anchor or anchor in anchors(file), link


def test_every_guide_is_found_from_the_readme() -> None:
    """A guide that nothing leads to is read by nobody."""
    linked = {(ROOT / link.partition("#")[0]).resolve() for link in _LINK.findall(prose_of(README))}
    assert set(GUIDES.glob("*.md")) - linked == set()


# Alerts.


def alerts() -> dict[str, str]:
    """Each alert's runbook."""
    groups = [yaml.safe_load((RULES / name).read_text())["groups"] for name in ("alerts.yml", "slo.yml")]
    rules = [rule for (group,) in groups for rule in group["rules"]]
    return {rule["alert"]: rule["annotations"]["runbook"] for rule in rules if "alert" in rule}


def test_every_alert_has_a_section_in_the_runbook_and_leads_there() -> None:
    """And no section is of an alert that there is no more."""
    sections = re.findall(r"^## (Gateway\w+)$", text_of(GUIDES / "operating.md"), re.MULTILINE)
    assert sections == list(alerts())
    for name, runbook in alerts().items():
        assert runbook == f"deploy/guides/operating.md#{name.lower()}"


def test_the_readme_names_every_alert() -> None:
    """Beside its metric, with a link to its section."""
    linked = _LINK.findall(prose_of(README))
    assert [name for name, runbook in alerts().items() if runbook not in linked] == []


@pytest.mark.skipif(PROMTOOL is None, reason=MISSING)
def test_every_query_of_the_documents_is_one_for_prometheus(tmp_path: Path) -> None:
    """Each line of a PromQL block, as a rule of its own."""
    queries = [line for path in DOCUMENTS for block in blocks(path, "promql") for line in block.splitlines()]
    rules = [{"record": f"guide:query:{number}", "expr": query} for number, query in enumerate(queries)]
    assert rules
    file = tmp_path / "queries.yml"
    file.write_text(json.dumps({"groups": [{"name": "guides", "rules": rules}]}))  # JSON is YAML
    assert PROMTOOL is not None
    done = subprocess.run([PROMTOOL, "check", "rules", file], capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert done.returncode == 0, done.stdout + done.stderr


# Metrics.


def series() -> set[str]:
    """Every name that a scrape may have, and those that the rules record."""
    histograms = {metric.name for metric in METRICS if metric.kind is Kind.HISTOGRAM}
    parts = {f"{name}_{part}" for name in histograms for part in ("bucket", "sum", "count")}
    return {metric.name for metric in METRICS} | parts | {"gateway_build_info"}


@every_document
def test_every_metric_that_is_named_exists(path: Path) -> None:
    """In code, in a query, in a link's text: a name is a name."""
    recorded = set(_METRIC.findall((RULES / "slo.yml").read_text()))
    named = set(_METRIC.findall(text_of(path)))
    assert named - series() - recorded == set()


def test_the_readme_has_every_metric_with_its_type_and_labels() -> None:
    """As a scrape shows them; those of the process have the names that all Prometheus clients give them."""
    listed = {
        name: (kind, tuple(_SPAN.findall(labels)))
        for names, kind, labels, *_ in rows(text_of(README))
        for name in _SPAN.findall(names)
        if name.startswith("gateway_")
    }
    ours = [metric for metric in METRICS if metric.name.startswith("gateway_")]
    expected = {metric.name: (str(metric.kind), metric.labels) for metric in ours}
    assert listed == expected | {"gateway_build_info": ("gauge", ("version",))}


def rows(text: str) -> Iterator[Sequence[str]]:
    """The cells of every table's rows that begin with code."""
    for line in re.findall(r"^\| (`.*) \|$", text, re.MULTILINE):
        yield [cell.strip() for cell in line.split("|")]


# Configuration.


UNSAID = object()
"""A default that is not written as a value."""


class Key(NamedTuple):
    """One key of the schema, with its default if it has one."""

    name: str
    default: Any


def keys(properties: dict[str, Any], prefix: str = "") -> Iterator[Key]:
    """Every key below, dotted, and every table; a secret's file stands for none of its own."""
    for name, value in properties.items():
        yield Key(prefix + name, value.get("default"))
        yield from keys(value.get("properties", {}), f"{prefix}{name}.")


SECTIONS = {name: table for name, table in SCHEMA.items() if name != "destinations"}


def of_sender(type_name: str) -> Iterator[Key]:
    """The keys of that type's own, not those that every destination has."""
    for table in SCHEMA["destinations"]["additionalProperties"]["anyOf"]:
        if table["properties"]["type"]["anyOf"][0]["enum"] == [type_name]:
            own = {name: key for name, key in table["properties"].items() if name not in {"type", *SECTIONS}}
            yield from keys(own)


def listed_keys(text: str) -> dict[str, Any]:
    """By key: the default in the second cell, or UNSAID where that is more or less than values."""
    listed: dict[str, Any] = {}
    for names, default, *_ in rows(text):
        found = _SPAN.findall(names)
        is_plain = re.fullmatch(r"`[^`]+`(, `[^`]+`)*", default) is not None
        values = [value_of(span) for span in _SPAN.findall(default)] if is_plain else [UNSAID]
        listed |= dict(zip(found, values * len(found) if len(values) == 1 else values, strict=True))
    return listed


def value_of(span: str) -> object:
    """What a default says, in TOML; UNSAID for a name that stands for one."""
    try:
        return tomllib.loads(f"value = {span}")["value"]
    except tomllib.TOMLDecodeError:
        return UNSAID


def disagreements(listed: dict[str, Any], expected: Iterator[Key]) -> Iterator[str]:
    for key in expected:
        is_table = any(name.startswith(f"{key.name}.") for name in listed)
        if is_table or key.name.endswith("_file"):
            continue
        said = listed.get(key.name, "nothing: it is not there")
        if said is not UNSAID and (key.name not in listed or key.default not in (None, said)):
            yield f"{key.name} is {key.default}, and the README says {said}"


def test_the_readme_has_every_key_of_the_sections_with_its_default() -> None:
    """A key that nobody can read of is not used."""
    expected = (key for name, table in SECTIONS.items() for key in keys({name: table}))
    assert list(disagreements(listed_keys(text_of(README)), expected)) == []


@pytest.mark.parametrize("type_name", sorted(PLUGINS))
def test_the_readme_has_every_key_of_a_destination_with_its_default(type_name: str) -> None:
    """In the table behind the sentence that names the type."""
    table = text_of(README).partition(f'A destination of `type = "{type_name}"`')[2]
    table = re.split(r"^(?:A destination of|\*\*|## )", table, maxsplit=1, flags=re.MULTILINE)[0]
    assert list(disagreements(listed_keys(table), of_sender(type_name))) == []


@every_document
def test_every_key_that_is_named_exists(path: Path) -> None:
    """With its section before it, as `buffer.journal`."""
    known = {key.name for key in keys(SECTIONS)}
    section = re.compile(rf"(?:{'|'.join(SECTIONS)})(?:\.[a-z_]+)+")
    named = {match[0] for span in _SPAN.findall(prose_of(path)) if (match := section.match(span))}
    assert named - known == set()


@every_document
def test_every_configuration_that_is_shown_is_right(path: Path) -> None:
    """By itself where it has a destination; else as a part of a file that has one."""
    for block in blocks(path, "toml"):
        document = tomllib.loads(block)
        document.setdefault("destinations", {"any": {"type": "file"}})
        assert isinstance(parse(document, environment={}, plugins=PLUGINS), Config)


# Commands and code.


@cache
def help_of(*words: str) -> str:
    """What a command says of itself. Raises AssertionError for one that there is not."""
    said = StringIO()
    with pytest.raises(SystemExit) as ended, redirect_stdout(said):
        main([*words, "--help"])
    assert ended.value.code == 0, words
    return said.getvalue()


@every_document
def test_every_command_that_is_named_exists_with_its_options(path: Path) -> None:
    """As the command line itself explains them."""
    for code in code_of(path):
        if not (match := _COMMAND.fullmatch(code.strip())):
            continue
        words = shlex.split(re.split(r" [|>#]", match[1])[0])
        names = [word for word in words[: 2 if words[0] == "dead-letters" else 1] if re.match(r"[a-z]", word)]
        explained = help_of(*names)
        for option in (word for word in words if word.startswith("--")):
            assert re.search(rf"{re.escape(option)}\b", explained), code


def test_every_fault_that_the_readme_asks_for_is_one() -> None:
    """The body of each `curl`, as the control interface of an emulated bus reads it."""
    asked = re.findall(r"^curl .*/_emulator/faults -d '(.*)'$", text_of(README), re.MULTILINE)
    assert asked
    for body in asked:
        assert Faults.parse(body.encode()) != Faults()


@every_document
def test_every_piece_of_python_and_json_can_be_read(path: Path) -> None:
    """By the language's own parser."""
    for block in blocks(path, "python"):
        ast.parse(block)
    for block in blocks(path, "json"):
        assert json.loads(block)
