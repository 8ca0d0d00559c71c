"""The table of failure modes: what it points to exists, and no row stands there without a proof."""

import ast
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
TEXT = (DEPLOY / "guides" / "failure-modes.md").read_text(encoding="utf-8")
NOT_PROVEN = "\n## Not proven here\n"
PROVEN, _, UNPROVEN = TEXT.partition(NOT_PROVEN)
PROOFS = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)


def sections() -> dict[str, str]:
    """The text below each heading that has a table."""
    parts = re.split(r"^## (.+)$", PROVEN, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def tables(text: str) -> list[list[str]]:
    """The cells of each row of a table, its head and the line below it among them."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


def alerts() -> set[str]:
    """The names of all that Prometheus is given."""
    paths = [DEPLOY / "prometheus" / name for name in ("alerts.yml", "slo.yml")]
    groups = [yaml.safe_load(path.read_text(encoding="utf-8"))["groups"] for path in paths]
    return {rule["alert"] for file in groups for group in file for rule in group["rules"] if "alert" in rule}


@pytest.mark.parametrize(("path", "name"), PROOFS, ids=[name for _, name in PROOFS])
def test_every_test_that_is_named_exists(path: str, name: str) -> None:
    """As a function of that module, where pytest finds it."""
    module = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    assert name in {node.name for node in module.body if isinstance(node, functions)}


@pytest.mark.parametrize("title", sections())
def test_every_row_has_a_proof_and_every_proof_a_row(title: str) -> None:
    """By its letter and number; what has no test stands under another heading."""
    text = sections()[title]
    rows = [cells[0] for cells in tables(text)[2:]]
    proofs = re.findall(r"^- ((?:[A-Z]\d+ )+)`tests/", text, re.MULTILINE)
    assert rows == [f"{rows[0][0]}{number}" for number in range(1, len(rows) + 1)]
    assert {key for keys in proofs for key in keys.split()} == set(rows)


@pytest.mark.parametrize("title", sections())
def test_a_table_s_rows_have_its_columns(title: str) -> None:
    """A bar too many is rendered as a cell that nobody sees."""
    head, *rows = tables(sections()[title])
    assert [cells for cells in rows if len(cells) != len(head)] == []


def test_what_is_not_proven_names_no_proof() -> None:
    """If there is one, it belongs into a table."""
    assert UNPROVEN
    assert "::" not in UNPROVEN


def test_every_alert_is_named_and_every_name_is_an_alert() -> None:
    """An alert without a row here warns of what nobody has written down."""
    named = set(re.findall(r"`(Gateway[A-Z]\w+)`", TEXT))
    assert named == alerts()
