"""Who may import whom, and what a pure module may not know: read from the source, with the reasons.

The table says how the tree is meant to be. A module that no row covers, or an import that its row does
not allow, fails here; then either the import is wrong, or the row is, and a reason has to be found for it.
"""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from msgspec import Struct

ROOT = Path(__file__).parent.parent

VOCABULARY = ("gateway.errors", "gateway.event", "gateway.entry", "gateway.units", "gateway.secret")
"""Words that everybody speaks: plain types that import at most one another."""


class Row(Struct, frozen=True):
    """The modules under a prefix, what of ours they may import beside one another, and why no more."""

    prefix: str
    may_import: tuple[str, ...]
    because: str
    apart: tuple[str, ...] = ()
    """Packages below the prefix that know nothing of one another."""


ROWS = (
    Row("gateway.__main__", ("gateway.cli",), "it is `python -m gateway` and nothing else"),
    Row(
        "gateway.cli",
        (
            "gateway.commands",
            "gateway.config",
            "gateway.errors",
            "gateway.exit_code",
            "gateway.logs",
            "gateway.senders",
            "gateway",
        ),
        "it reads arguments, and hands each command what it needs",
    ),
    Row(
        "gateway.planning",
        (*VOCABULARY, "gateway.cloudevents", "gateway.config", "gateway.pipeline", "gateway.sender"),
        "it simulates with finished parts; which senders there are it is told",
    ),
    Row(
        "gateway.commands",
        (
            *VOCABULARY,
            "gateway",
            "gateway.app",
            "gateway.bearer",
            "gateway.cloudevents",
            "gateway.config",
            "gateway.emulators",
            "gateway.exit_code",
            "gateway.logs",
            "gateway.pipeline",
            "gateway.planning",
            "gateway.process",
            "gateway.sender",
            "gateway.senders",
            "gateway.workers",
        ),
        "a command joins finished parts, and is the only place that knows gateway and emulators",
    ),
    Row(
        "gateway.app",
        (
            *VOCABULARY,
            "gateway",
            "gateway.admin",
            "gateway.admission",
            "gateway.bearer",
            "gateway.cloudevents",
            "gateway.config",
            "gateway.exit_code",
            "gateway.membership",
            "gateway.metrics",
            "gateway.pipeline",
            "gateway.receiver",
            "gateway.sender",
            "gateway.senders",
            "gateway.snapshots",
            "gateway.logs",
            "gateway.process",
            "gateway.reconfiguration",
            "gateway.reloading",
            "gateway.storage",
            "gateway.wiring",
        ),
        "the only place that builds the parts and joins them",
    ),
    Row(
        "gateway.workers",
        (
            *VOCABULARY,
            "gateway",
            "gateway.admin",
            "gateway.app",
            "gateway.bearer",
            "gateway.config",
            "gateway.exit_code",
            "gateway.logs",
            "gateway.membership",
            "gateway.metrics",
            "gateway.process",
            "gateway.receiver",
            "gateway.reconfiguration",
            "gateway.reloading",
            "gateway.sender",
            "gateway.senders",
            "gateway.snapshots",
        ),
        "each worker is a whole gateway but for its administration, which stands before all of them",
    ),
    Row(
        "gateway.process",
        ("gateway.config", "gateway.errors", "gateway.exit_code", "gateway.snapshots"),
        "it asks the system around a process, whichever that is",
    ),
    Row(
        "gateway.wiring",
        ("gateway.bearer", "gateway.config", "gateway.membership", "gateway.pipeline", "gateway.receiver"),
        "it translates what an operator writes into what each part takes",
    ),
    Row(
        "gateway.reconfiguration",
        (
            *VOCABULARY,
            "gateway.admin",
            "gateway.bearer",
            "gateway.config",
            "gateway.logs",
            "gateway.pipeline",
            "gateway.receiver",
            "gateway.sender",
            "gateway.storage",
            "gateway.wiring",
        ),
        "it has every part take up what is new for it",
    ),
    Row(
        "gateway.reloading",
        ("gateway.config", "gateway.errors", "gateway.snapshots"),
        "it reads the configuration again, and has somebody apply it",
    ),
    Row(
        "gateway.storage",
        (
            *VOCABULARY,
            "gateway.cloudevents",
            "gateway.config",
            "gateway.leftovers",
            "gateway.membership",
            "gateway.pipeline",
            "gateway.snapshots",
        ),
        "it joins what is on disk: the journals and the spill",
    ),
    Row(
        "gateway.leftovers",
        (*VOCABULARY, "gateway.pipeline", "gateway.snapshots"),
        "it empties journals and spills, wherever they lie",
    ),
    Row(
        "gateway.receiver",
        (
            *VOCABULARY,
            "gateway",
            "gateway.admission",
            "gateway.bearer",
            "gateway.cloudevents",
            "gateway.snapshots",
        ),
        "it is given an intake, and knows no pipeline, bus or configuration",
    ),
    Row(
        "gateway.pipeline",
        (*VOCABULARY, "gateway.admission", "gateway.sender", "gateway.snapshots"),
        "it knows the port to a bus, and neither a particular bus nor where events come from",
    ),
    Row(
        "gateway.senders",
        (*VOCABULARY, "gateway", "gateway.sender"),
        "a bus's API is spoken without knowing who asks; no bus leans on another's code",
        apart=("gateway.senders.aws", "gateway.senders.alibaba", "gateway.senders.huawei"),
    ),
    Row(
        "gateway.admin",
        (
            *VOCABULARY,
            "gateway",
            "gateway.bearer",
            "gateway.config",
            "gateway.metrics",
            "gateway.openapi",
            "gateway.sender",
            "gateway.snapshots",
        ),
        "it shows snapshots that it is handed, and reaches into no part",
    ),
    Row(
        "gateway.openapi",
        (
            *VOCABULARY,
            "gateway",
            "gateway.bearer",
            "gateway.cloudevents",
            "gateway.config",
            "gateway.pipeline",
            "gateway.receiver",
            "gateway.sender",
            "gateway.wiring",
        ),
        "it describes both interfaces by the words and answers of the code, and meets no running part",
    ),
    Row(
        "gateway.config",
        (*VOCABULARY, "gateway.bearer", "gateway.sender"),
        "it checks what an operator writes; the senders' own keys come in as plugins",
    ),
    Row("gateway.emulators", (), "they are witnesses: they check us from the buses' documents alone"),
    Row(
        "gateway.metrics",
        ("gateway", "gateway.errors", "gateway.snapshots"),
        "they are rendered from plain snapshots, whoever takes them",
    ),
    Row("gateway.snapshots", (), "plain counts, so that anybody can keep and read them"),
    Row("gateway.cloudevents", ("gateway.errors", "gateway.event"), "a standard, and no part of ours"),
    Row("gateway.admission", ("gateway.entry", "gateway.event"), "the words between receiver and pipeline"),
    Row(
        "gateway.sender", ("gateway.entry", "gateway.errors", "gateway.event"), "the port both sides meet at"
    ),
    Row("gateway.logs", ("gateway.config", "gateway.secret"), "it sets up logging as configured"),
    Row("gateway.bearer", ("gateway.secret",), "receiver and administration ask for tokens alike"),
    Row("gateway.exit_code", (), "a vocabulary"),
    Row("gateway.membership", (), "a vocabulary: which of several workers this is"),
    Row("gateway.errors", (), "a vocabulary"),
    Row("gateway.event", (), "a vocabulary"),
    Row("gateway.entry", ("gateway.event",), "an event on its way to one bus"),
    Row("gateway.units", (), "a vocabulary"),
    Row("gateway.secret", (), "a vocabulary"),
    Row("gateway.testing", ("gateway.emulators",), "the emulators as a pytest plug-in"),
    Row("gateway", (), "the version, which everybody may read"),
)

PURE = (
    "gateway.event",
    "gateway.entry",
    "gateway.snapshots",
    "gateway.cloudevents",
    "gateway.pipeline.buffer",
    "gateway.pipeline.pack",
    "gateway.pipeline.flush",
    "gateway.pipeline.plan",
    "gateway.pipeline.retry",
    "gateway.pipeline.backlog",
    "gateway.pipeline.settlement",
    "gateway.pipeline.pressure",
    "gateway.pipeline.pace",
    "gateway.pipeline.rate",
    "gateway.pipeline.forecast",
    "gateway.senders.sigv4",
    "gateway.senders.aws.entry",
    "gateway.senders.aws.outcomes",
    "gateway.senders.alibaba.entry",
    "gateway.senders.alibaba.outcomes",
    "gateway.senders.huawei.entry",
    "gateway.senders.huawei.outcomes",
)
"""The modules, or packages of modules, that decide and never wait; also whatever says so of itself."""

IMPURE = {"asyncio", "time", "random", "logging", "prometheus_client", "threading", "socket", "aiohttp"}
"""Clock, dice, counters and the world: they come in as arguments or go out as return values."""

DRAWERS = {"utils", "util", "helpers", "helper", "common", "misc", "shared", "base", "tools"}


class Module(Struct, frozen=True):
    """One module as its source shows it."""

    name: str
    imports: frozenset[str]
    """Modules it imports anywhere in it, ours by their full names."""
    private_names: frozenset[str] = frozenset()
    """Names beginning with an underscore that it imports from others."""
    declares_itself_pure: bool = False


def read(name: str, source: str, ours: frozenset[str]) -> Module:
    """The module of that name; `ours` are the names of all modules of the gateway."""
    tree = ast.parse(source)
    imports: set[str] = set()
    private: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None, f"{name} imports relatively"
            assert not node.level, f"{name} imports relatively"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                imports.add(full if full in ours else node.module)
                if alias.name.startswith("_") and not alias.name.startswith("__"):
                    private.add(full)
    says_pure = "Pure" in (ast.get_docstring(tree) or "")
    return Module(name, frozenset(imports), frozenset(private), declares_itself_pure=says_pure)


def modules_below(directory: Path) -> dict[str, Module]:
    """Every module of a package, by its full name."""
    paths = {module_name(path): path for path in sorted(directory.rglob("*.py"))}
    ours = frozenset(paths)
    return {name: read(name, path.read_text(encoding="utf-8"), ours) for name, path in paths.items()}


def module_name(path: Path) -> str:
    """As it is imported."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def is_below(name: str, prefix: str) -> bool:
    """Whether a module is that one or one of that package's; the root package has none but itself."""
    return name == prefix or (prefix != "gateway" and name.startswith(f"{prefix}."))


def row_of(name: str) -> Row | None:
    """The row with the longest prefix that covers the module."""
    return max(
        (row for row in ROWS if is_below(name, row.prefix)), key=lambda row: len(row.prefix), default=None
    )


def strays(modules: Mapping[str, Module]) -> Iterator[str]:
    """Every import that the table does not allow, and every module that it does not cover."""
    for module in modules.values():
        if (row := row_of(module.name)) is None:
            yield f"{module.name} is in no row of the table"
            continue
        for imported in sorted(module.imports):
            if imported.split(".")[0] != "gateway":
                continue
            if not any(is_below(imported, prefix) for prefix in (row.prefix, *row.may_import)):
                yield f"{module.name} imports {imported}; but {row.because}"
            homes = [home for home in row.apart if is_below(module.name, home)]
            if homes and any(is_below(imported, other) for other in row.apart if other not in homes):
                yield f"{module.name} imports {imported}; but {row.because}"


def impurities(modules: Mapping[str, Module]) -> Iterator[str]:
    """Every pure module from which clock, dice, loop or log can be reached, and the way there."""
    for module in modules.values():
        is_listed = any(is_below(module.name, prefix) for prefix in PURE)
        if not (is_listed or module.declares_itself_pure):
            continue
        for way in ways_to_impurity(module.name, modules, seen=set()):
            yield " -> ".join(way)


def ways_to_impurity(name: str, modules: Mapping[str, Module], seen: set[str]) -> Iterator[list[str]]:
    """Chains of imports that begin at a module and end at something impure."""
    seen.add(name)
    for imported in sorted(modules[name].imports):
        if imported.split(".")[0] in IMPURE:
            yield [name, imported]
        elif imported in modules and imported not in seen:
            yield from ([name, *way] for way in ways_to_impurity(imported, modules, seen))


@pytest.fixture(scope="module")
def gateway() -> dict[str, Module]:
    """The tree as it is."""
    return modules_below(ROOT / "gateway")


def test_imports_point_down_the_table_only(gateway: dict[str, Module]) -> None:
    """No module imports what its row does not allow, and none is without a row."""
    assert list(strays(gateway)) == []


def test_pure_modules_reach_no_clock_dice_loop_or_log(gateway: dict[str, Module]) -> None:
    """Neither themselves nor through another module of ours."""
    assert list(impurities(gateway)) == []


def test_every_pure_module_of_the_list_is_there(gateway: dict[str, Module]) -> None:
    """A renamed module must not slip out of the rule."""
    assert [prefix for prefix in PURE if not any(is_below(name, prefix) for name in gateway)] == []


def test_no_module_is_a_drawer(gateway: dict[str, Module]) -> None:
    """A module is named for its noun."""
    names = [*gateway, *modules_below(ROOT / "tests")]
    assert [name for name in names if name.rsplit(".", 1)[-1] in DRAWERS] == []


def test_nobody_imports_a_private_name(gateway: dict[str, Module]) -> None:
    """What others need has a public name; tests are no exception."""
    everybody = {**gateway, **modules_below(ROOT / "tests"), **modules_below(ROOT / "benchmarks")}
    assert {
        module.name: set(module.private_names) for module in everybody.values() if module.private_names
    } == {}


# The checker itself: it must catch what it is for.


def tree(**sources: str) -> dict[str, Module]:
    """A small gateway; two underscores in a name stand for a dot."""
    named = {name.replace("__", "."): source for name, source in sources.items()}
    return {name: read(name, source, frozenset(named)) for name, source in named.items()}


@pytest.mark.parametrize(
    "source",
    [
        "import gateway.receiver.protocol",
        "from gateway.receiver.protocol import Protocol",
        "from gateway.senders import aws",
        "def late():\n    from gateway.config import Config",
        "if True:\n    import gateway.app",
    ],
)
def test_a_forbidden_import_is_caught_wherever_it_stands(source: str) -> None:
    """At the top, by either form, in a function, under a condition."""
    (stray,) = strays(tree(gateway__pipeline__buffer=source))
    assert stray.startswith("gateway.pipeline.buffer imports gateway.")


@pytest.mark.parametrize(
    "source", ["from gateway.entry import Entry", "from gateway.pipeline import disk", "import asyncio"]
)
def test_an_allowed_import_is_not_complained_of(source: str) -> None:
    """Of its own package, down the table, or of the standard library."""
    assert list(strays(tree(gateway__pipeline__buffer=source))) == []


def test_emulators_may_not_even_read_the_version() -> None:
    """They are witnesses."""
    assert list(strays(tree(gateway__emulators__aws="from gateway import __version__")))


def test_one_buss_sender_may_not_lean_on_anothers() -> None:
    """Though both stand in the same package; what they share has a module of its own."""
    assert list(strays(tree(gateway__senders__aws__sender="import gateway.senders.huawei.sender")))
    assert not list(strays(tree(gateway__senders__aws__sender="import gateway.senders.http")))


def test_a_module_without_a_row_is_caught() -> None:
    """A new part needs a place in the table, and a reason."""
    assert list(strays(tree(gateway__surprise=""))) == ["gateway.surprise is in no row of the table"]


def test_impurity_is_found_through_other_modules() -> None:
    """And the way to it is named."""
    impure = tree(
        gateway__pipeline__buffer="from gateway.pipeline import a",
        gateway__pipeline__a="import gateway.pipeline.b",
        gateway__pipeline__b="from time import monotonic",
    )
    assert list(impurities(impure)) == [
        "gateway.pipeline.buffer -> gateway.pipeline.a -> gateway.pipeline.b -> time"
    ]


def test_a_module_that_calls_itself_pure_is_held_to_it() -> None:
    """Its docstring is a promise like any other."""
    assert list(impurities(tree(gateway__receiver__x='"""Pure."""\nimport asyncio')))
    assert not list(impurities(tree(gateway__receiver__x='"""A shell."""\nimport asyncio')))


def test_a_private_name_is_seen_and_the_version_is_none() -> None:
    """One underscore is private, two are Python's."""
    assert read("x", "from gateway.a import _b", frozenset()).private_names == {"gateway.a._b"}
    assert read("x", "from gateway import __version__", frozenset()).private_names == frozenset()
