"""The JSON Schema of the configuration, judged by a validator that is not ours."""

import json
import tomllib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import defstruct

from gateway import senders
from gateway.config import parse
from gateway.config.schema import json_schema
from gateway.errors import ConfigError
from gateway.sender import SenderPlugin
from tests.support.configuration import PLUGINS, bus, create_nothing, document, no_faults

jsonschema = pytest.importorskip("jsonschema")

ROOT = Path(__file__).parent.parent
FILES = [*sorted((ROOT / "config").glob("*.toml")), *sorted((ROOT / "deploy").rglob("*.toml"))]
INSTALLED = senders.plugins()
KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
ENVIRONMENT = {"A": "send", "B": "5", "TYPE": "bus", "DETAIL": "data"}


def complaints(tables: dict[str, Any], plugins: dict[str, SenderPlugin]) -> list[str]:
    """What the validator finds wrong with a file."""
    validator = jsonschema.Draft202012Validator(json_schema(plugins))
    return [error.message for error in validator.iter_errors(tables)]


def is_accepted(tables: dict[str, Any], plugins: dict[str, SenderPlugin]) -> bool:
    """What `gateway check` says of it."""
    try:
        parse(tables, environment=ENVIRONMENT, plugins=plugins)
    except ConfigError:
        return False
    return True


def defaults(schema: object) -> Iterator[object]:
    """Every default anywhere in a schema."""
    if isinstance(schema, dict):
        if "default" in schema and "type" in schema:
            yield schema["default"]
        for value in schema.values():
            yield from defaults(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from defaults(value)


@pytest.mark.parametrize("plugins", [INSTALLED, PLUGINS], ids=["installed", "of the tests"])
def test_it_is_a_schema_of_its_dialect(plugins: dict[str, SenderPlugin]) -> None:
    """And it can be written as JSON, whatever types a sender's keys have."""
    schema = json.loads(json.dumps(json_schema(plugins)))
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_that_we_ship_is_right_by_it_and_by_the_gateway(path: Path, tmp_path: Path) -> None:
    """The full example, the minimal ones and those that are deployed, whose secrets are mounted beside."""
    tables = tomllib.loads(path.read_text())
    assert complaints(tables, INSTALLED) == []
    parse(with_secrets_in(tables, tmp_path), environment={}, plugins=INSTALLED)


def with_secrets_in(tables: dict[str, Any], directory: Path) -> dict[str, Any]:
    """The tables with a file of ours, in `directory`, in the place of each that holds a secret."""
    secret = directory / "secret"
    secret.write_text("mF_9.B5f-4.1JqM\n")
    replaced = {key: str(secret) if key.endswith("_file") else value for key, value in tables.items()}
    return {
        key: with_secrets_in(value, directory) if isinstance(value, dict) else value
        for key, value in replaced.items()
    }


def test_the_files_that_we_ship_are_found() -> None:
    """Else the test above says nothing."""
    names = {str(path.relative_to(ROOT)) for path in FILES}
    assert {"config/gateway.example.toml", "deploy/kubernetes/standalone/gateway.toml"} <= names


RIGHT: list[dict[str, Any]] = [
    document(),
    document(flush={"interval": "${B}s", "when_idle": "${A}"}, buffer={"max_bytes": "${B}MiB"}),
    document(receiver={"listen": ["${NONE:-127.0.0.1}:8080", "unix:a b", "[::1]:0", "localhost:65535"]}),
    document(receiver={"unix_socket_mode": "0600", "allow_anonymous": True, "tokens": ["a"]}),
    document(receiver={"unix_socket_mode": "${NONE:-600}"}, admin={"allow_anonymous": False}),
    document(shutdown={"deadline": "0s"}, delivery={"max_requests_per_second": 0.5, "max_attempts": 0}),
    document(flush={"interval": "0.5ms"}, delivery={"max_age": "01.50h", "max_requests_per_second": 3}),
    document(orders=bus(event_bus="$${A} $ ${NONE:-a:-$} $$$${A}$")),
    document(orders=bus(type="${TYPE}", detail="${DETAIL}", details=["event", "${DETAIL}"])),
    document(orders=bus(secret_key=KEY, keys=["a"], proxy={"url": "${A}", "password": "x"})),
    document(orders=bus(labels={"any key": "a"}, weight=2, is_strict=False, max_request_events=10)),
    document(orders=bus(flush={"interval": "1m"}, dead_letters={"path": ""}, buffer={"max_events": 1})),
    {"destinations": {"0-a_b": {"type": "vault", "key": KEY}}},
]


@pytest.mark.parametrize("tables", RIGHT)
def test_what_may_be_written_it_lets_pass(tables: dict[str, Any]) -> None:
    """Units, references, choices, sections of a destination, secrets."""
    assert is_accepted(tables, PLUGINS)
    assert complaints(tables, PLUGINS) == []


WRONG: list[dict[str, Any]] = [
    {},
    {"destinations": {}},
    {"destinations": {"orders": {}}},
    {"destinations": {"orders": {"type": "bus"}}},
    {"destinations": {"Orders": bus()}},
    {"destinations": {"x" * 65: bus()}},
    {"destinations": {"orders": "x"}},
    {"destinations": {"orders": {"type": "vault"}}},
    {"destinations": {"orders": {"type": "vault", "key": KEY, "key_file": "/run/secrets/key"}}},
    document(receiver={"unix_socket_mode": "0o600"}),
    document(receiver={"unix_socket_mode": 600}),
    document(receiver={"allow_anonymous": "yes"}),
    document(receiver={"tls": {"client_names": "a"}}),
    document(admin={"tls": {}}),
    document(orders=bus(type="bsu")),
    document(orders=bus(type="vault")),
    document(orders=bus(regoin="x")),
    document(orders=bus(secret_key=KEY, secret_key_file="/run/secrets/key")),
    document(orders=bus(proxy={"password": "a", "password_file": "b"})),
    document(orders=bus(proxy={"urls": "a"})),
    document(orders=bus(detail="x")),
    document(orders=bus(details=["data", "x"])),
    document(orders=bus(scheme="ftp")),
    document(orders=bus(resources=["a", 5])),
    document(orders=bus(labels={"a": 5})),
    document(orders=bus(is_strict="yes")),
    document(orders=bus(endpoint=5)),
    document(orders=bus(keys=[""])),
    document(orders=bus(max_request_events=11)),
    document(orders=bus(max_event_bytes="0B")),
    document(orders=bus(linger=1)),
    document(orders=bus(event_bus="${")),
    document(orders=bus(event_bus="a${A B}")),
    document(orders=bus(event_bus="$$${A:b}")),
    document(orders=bus(event_bus="${A:-${B}}")),
    document(orders=bus(flush={"interval": 5})),
    document(orders=bus(receiver={})),
    document(reciever={}),
    document(receiver={"lisen": []}),
    document(receiver={"listen": []}),
    document(receiver={"listen": "[::1]:80"}),
    document(receiver={"tls": {"certificates": ""}}),
    document(receiver={"max_connections": 0}),
    document(receiver={"max_connections": True}),
    document(receiver=5),
    document(buffer={"max_events": 0.5}),
    document(buffer={"max_events": "5"}),
    document(delivery={"max_requests_per_second": -1}),
    document(delivery={"max_attempts": -1}),
    document(flush={"when_idle": "sned"}),
    document(log={"level": "loud"}),
    document(dead_letters={"path": 5}),
]

NO_DURATIONS: list[Any] = [200, 0.2, True, [], "200", "200 ms", "-1s", "", "0s", "0.0s", "1.s", "5$$"]
NO_SIZES: list[Any] = [1, 1.5, {}, "64", "64MB", "", "0KiB", "1.5MiB"]
NO_ADDRESSES = ["", "8080", ":8080", "a:", "a:http", "a:65536", "::1:80", "[::1]", "[127.0.0.1]:80", "[]:80"]
NO_ADDRESSES += ["http://a:80", "a:80/", "a b:80", "unix:"]
WRONG += [document(flush={"interval": value}) for value in NO_DURATIONS]
WRONG += [document(buffer={"max_bytes": value}) for value in NO_SIZES]
WRONG += [document(admin={"listen": value}) for value in NO_ADDRESSES]


@pytest.mark.parametrize("tables", WRONG)
def test_what_check_refuses_by_its_form_it_refuses(tables: dict[str, Any]) -> None:
    """Unknown keys, wrong types, units, ranges, choices, addresses, missing and doubled keys."""
    assert not is_accepted(tables, PLUGINS)
    assert complaints(tables, PLUGINS)


class Fault(NamedTuple):
    """A file that is right but for one thing."""

    kind: str
    text: str
    key: str
    """Which the gateway says it is."""


FAULTS = (
    Fault("unknown section", "[reciever]", "reciever"),
    Fault("unknown key", 'receiver.listens = ["127.0.0.1:8080"]', "receiver.listens"),
    Fault(
        "unknown key of a sender", 'destinations.orders.regoin = "eu-west-1"', "destinations.orders.regoin"
    ),
    Fault("key of another sender", 'destinations.orders.project_id = "a"', "destinations.orders.project_id"),
    Fault("section that a destination has not", "destinations.orders.log = {}", "destinations.orders.log"),
    Fault("text for a number", 'buffer.max_events = "many"', "buffer.max_events"),
    Fault("number for a text", "dead_letters.path = 5", "dead_letters.path"),
    Fault("fraction for a count", "delivery.max_in_flight = 1.5", "delivery.max_in_flight"),
    Fault("one for several", 'receiver.listen = "127.0.0.1:8080"', "receiver.listen"),
    Fault("key for a section", "flush = 5", "flush"),
    Fault("below its range", "receiver.max_connections = 0", "receiver.max_connections"),
    Fault("above its range", 'admin.listen = "127.0.0.1:65536"', "admin.listen"),
    Fault("no unit", "flush.interval = 200", "flush.interval"),
    Fault("unknown unit", 'flush.interval = "200 millis"', "flush.interval"),
    Fault("decimal unit", 'buffer.max_bytes = "64MB"', "buffer.max_bytes"),
    Fault("no time at all", 'delivery.max_age = "0s"', "delivery.max_age"),
    Fault("no address", 'admin.listen = "8081"', "admin.listen"),
    Fault("unknown sender type", 'destinations.orders.type = "awz"', "destinations.orders.type"),
    Fault("unknown choice", 'flush.when_idle = "sned"', "flush.when_idle"),
    Fault("missing type", "destinations.more = {}", "destinations.more.type"),
    Fault("bad name", 'destinations.More.type = "file"', "destinations.More"),
    Fault("broken reference", 'dead_letters.path = "${HOME"', "dead_letters.path"),
    Fault(
        "above the bus's highest",
        "destinations.orders.max_request_events = 11",
        "destinations.orders.max_request_events",
    ),
    Fault(
        "no events in a request",
        "destinations.orders.max_request_events = 0",
        "destinations.orders.max_request_events",
    ),
    Fault("empty token", 'admin.tokens = [""]', "admin.tokens"),
)
"""One of each kind that a schema can see."""

RIGHT_BUT_FOR_THAT = {"destinations": {"orders": {"type": "aws", "region": "eu-west-1"}}}


def test_without_the_fault_the_file_is_right_by_both() -> None:
    """So each of the following is refused for its one fault."""
    assert complaints(RIGHT_BUT_FOR_THAT, INSTALLED) == []
    parse(RIGHT_BUT_FOR_THAT, environment={}, plugins=INSTALLED)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.kind.replace(" ", "-"))
def test_one_fault_is_found_by_both_and_named_by_the_gateway(fault: Fault) -> None:
    """With the senders that are installed."""
    tables = joined(RIGHT_BUT_FOR_THAT, tomllib.loads(fault.text))
    assert complaints(tables, INSTALLED)
    with pytest.raises(ConfigError) as caught:
        parse(tables, environment={}, plugins=INSTALLED)
    assert fault.key in [found.key for found in caught.value.faults]


def joined(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Both tables in one; where both have a value it is the second's."""
    both = {
        key: joined(first[key], second[key])
        for key in first.keys() & second.keys()
        if isinstance(first[key], dict) and isinstance(second[key], dict)
    }
    return {**first, **second, **both}


NEEDED: dict[str, dict[str, Any]] = {
    "alibaba": {
        "endpoint": "https://1234567890.eventbridge.cn-hangzhou.aliyuncs.com",
        "event_bus": "mybus",
    },
    "aws": {"region": "eu-west-1"},
    "file": {},
    "huawei": {
        "endpoint": "https://eg.cn-north-4.myhuaweicloud.com",
        "project_id": "0123456789abcdef0123456789abcdef",
        "channel_id": "01234567-89ab-cdef-0123-456789abcdef",
    },
}
"""What the keys of each type have to say at least."""


@pytest.mark.parametrize("type_name", sorted(INSTALLED))
def test_every_installed_sender_has_a_branch_that_refuses_the_keys_of_others(type_name: str) -> None:
    """An editor then offers a destination the keys of its own type."""
    tables = {"destinations": {"orders": {"type": type_name, **NEEDED[type_name], "no_such_key": ""}}}
    assert complaints(tables, INSTALLED)
    del tables["destinations"]["orders"]["no_such_key"]
    assert complaints(tables, INSTALLED) == []


HIGHEST = {"aws": 10, "alibaba": 16, "huawei": 20}


@pytest.mark.parametrize("type_name", sorted(HIGHEST))
def test_a_request_holds_no_more_events_than_the_bus_takes(type_name: str) -> None:
    """By both, to the last and not one beyond."""
    for events, is_right in (
        (0, False),
        (1, True),
        (HIGHEST[type_name], True),
        (HIGHEST[type_name] + 1, False),
    ):
        orders = {"type": type_name, **NEEDED[type_name], "max_request_events": events}
        tables = {"destinations": {"orders": orders}}
        assert (complaints(tables, INSTALLED) == []) is is_right
        assert is_accepted(tables, INSTALLED) is is_right


def test_a_file_takes_any_number_of_events_but_none() -> None:
    """By both: a file has no highest number of its own."""
    for events, is_right in ((0, False), (1, True), (1_000_000, True)):
        tables = {"destinations": {"orders": {"type": "file", "max_request_events": events}}}
        assert (complaints(tables, INSTALLED) == []) is is_right
        assert is_accepted(tables, INSTALLED) is is_right


@pytest.mark.parametrize(
    ("type_name", "key"),
    [
        ("alibaba", "endpoint"),
        ("alibaba", "event_bus"),
        ("huawei", "endpoint"),
        ("huawei", "channel_id"),
    ],
)
def test_a_key_that_nothing_else_can_tell_is_asked_for_by_both(type_name: str, key: str) -> None:
    """Left out, or left empty."""
    complete = {"type": type_name, **NEEDED[type_name]}
    for written, is_right in (
        (complete, True),
        (complete | {key: ""}, False),
        (without(complete, key), False),
    ):
        tables = {"destinations": {"orders": written}}
        assert (complaints(tables, INSTALLED) == []) is is_right
        assert is_accepted(tables, INSTALLED) is is_right


def without(table: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in table.items() if name != key}


PAIRS = (
    ("aws", "access_key_id", "secret_access_key", "session_token"),
    ("alibaba", "access_key_id", "access_key_secret", "security_token"),
    ("huawei", "access_key", "secret_key", "security_token"),
)


@pytest.mark.parametrize(("type_name", "key", "secret", "token"), PAIRS)
def test_half_of_a_pair_of_credentials_is_refused_by_both(
    type_name: str, key: str, secret: str, token: str, tmp_path: Path
) -> None:
    """Whichever half it is, wherever the secret stands; an empty one is none."""
    path = tmp_path / "secret"
    path.write_text(KEY)
    in_file = {f"{secret}_file": str(path)}
    right: list[dict[str, str]] = [
        {key: "AKIDEXAMPLE", secret: KEY},
        {key: "AKIDEXAMPLE", **in_file},
        {key: "AKIDEXAMPLE", secret: KEY, token: "token"},
        {key: "", secret: "", token: ""},
        {key: "${NONE:-}"},
        {secret: "${NONE:-}", token: "${NONE:-}"},
    ]
    wrong = [{key: "AKIDEXAMPLE"}, {secret: KEY}, in_file, {token: "token"}, {f"{token}_file": str(path)}]
    for pair, is_right in [*((each, True) for each in right), *((each, False) for each in wrong)]:
        tables = {"destinations": {"orders": {"type": type_name, **NEEDED[type_name], **pair}}}
        assert (complaints(tables, INSTALLED) == []) is is_right, pair
        assert is_accepted(tables, INSTALLED) is is_right, pair


@pytest.mark.parametrize(("type_name", "key"), [("aws", "region"), ("huawei", "project_id")])
def test_a_key_that_the_environment_may_tell_is_not_asked_for(
    type_name: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the vendors' own variables."""
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("HUAWEICLOUD_SDK_PROJECT_ID", "0123456789abcdef0123456789abcdef")
    orders = without({"type": type_name, **NEEDED[type_name]}, key)
    assert complaints({"destinations": {"orders": orders}}, INSTALLED) == []
    assert is_accepted({"destinations": {"orders": orders}}, INSTALLED)


def test_the_words_of_the_code_become_descriptions() -> None:
    """Of sections from their class, of keys from below their attribute, of choices from the enumeration."""
    sections = json_schema(INSTALLED)["properties"]
    assert sections["buffer"]["description"] == "`[buffer]`: what one destination may hold."
    receiver = sections["receiver"]["properties"]
    assert receiver["request_timeout"]["description"] == "From the first byte of a request to its last."
    idle = sections["flush"]["properties"]["when_idle"]["description"]
    assert idle == "What a partial batch does while nothing is in flight."
    branches = sections["destinations"]["additionalProperties"]["anyOf"]
    assert all(branch["description"].startswith("The keys of a destination") for branch in branches)


def test_defaults_are_written_as_an_operator_writes_them() -> None:
    """With their units; a secret has none, for it may be one."""
    sections = json_schema(PLUGINS)["properties"]
    assert sections["flush"]["properties"]["interval"]["default"] == "200ms"
    assert sections["flush"]["properties"]["when_idle"]["default"] == "wait"
    assert sections["receiver"]["properties"]["listen"]["default"] == ["127.0.0.1:8080"]
    assert "default" not in sections["admin"]["properties"]["tokens"]
    assert (
        "default" not in sections["destinations"]["additionalProperties"]["anyOf"][0]["properties"]["region"]
    )


def test_every_default_is_right_by_its_own_rule() -> None:
    """Who writes all of them out has a right file."""
    schema = json_schema(INSTALLED)
    assert "64MiB" in list(defaults(schema))
    for name, section in schema["properties"].items():
        if name != "destinations":
            written = {
                key: each["default"] for key, each in section["properties"].items() if "default" in each
            }
            assert list(jsonschema.Draft202012Validator(section).iter_errors(written)) == []


def test_a_sender_whose_types_or_source_cannot_be_read_has_a_schema_nevertheless() -> None:
    """Its keys may hold anything, and go without words: that is all that is known of them."""
    made = defstruct("Made", [("region", str), ("since", datetime | None, None)])
    plugin = SenderPlugin(made, no_faults, create_nothing)
    (branch,) = json_schema({"made": plugin})["properties"]["destinations"]["additionalProperties"]["anyOf"]
    assert branch["properties"]["since"] == {}
    assert "description" not in branch["properties"]["region"]
    assert complaints({"destinations": {"a": {"type": "made"}}}, {"made": plugin})


texts = st.one_of(
    st.sampled_from(
        ["", "a", "$", "$$", "${A}", "${B}", "${NONE:-x}", "${NONE:-}", "a$${A}", "${", "${NONE}"]
    ),
    st.text(st.sampled_from("a${}:-A5s \n"), max_size=12),
)
numbers = st.one_of(st.sampled_from(["0", "5", "00.50", "1.25", "${B}", "${A}"]), st.from_regex(r"\d+\.?\d*"))
durations = st.builds(str.__add__, numbers, st.sampled_from(["ms", "s", "m", "h", "d", ""])) | texts
sizes = st.builds(str.__add__, numbers, st.sampled_from(["B", "KiB", "MiB", "GiB", "MB"])) | texts
hosts = st.sampled_from(
    ["localhost", "127.0.0.1", "[::1]", "[fe80::1%eth0]", "[::ffff:1.2.3.4]", "unix", "$"]
)
addresses = st.builds("{}:{}".format, hosts, st.integers(0, 70_000)) | texts
counts = st.integers(-1, 12) | st.booleans() | st.floats()


def table(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A table with some of those keys."""
    return st.fixed_dictionaries({}, optional=keys)


sections = {
    "receiver": table(listen=st.lists(addresses, max_size=2), max_connections=counts, idle_timeout=durations),
    "buffer": table(max_events=counts, max_bytes=sizes),
    "flush": table(interval=durations, when_idle=st.sampled_from(["wait", "send"]) | texts),
    "delivery": table(max_requests_per_second=counts, max_attempts=counts, max_age=durations),
    "shutdown": table(deadline=durations, spill=texts),
}
destinations = st.fixed_dictionaries(
    {"type": st.sampled_from(["bus", "${TYPE}"]), "region": texts},
    optional={
        "event_bus": texts,
        "detail": st.sampled_from(["event", "${DETAIL}", "x"]),
        "resources": st.lists(texts, max_size=2),
        "labels": st.dictionaries(texts, texts, max_size=2),
        "weight": counts,
        "linger": durations,
        "max_event_bytes": sizes,
        "max_request_events": counts,
        "secret_key": texts,
        "keys": st.lists(texts, max_size=2),
        "proxy": table(url=texts, password=texts),
        "flush": sections["flush"],
    },
)
VALIDATOR = jsonschema.Draft202012Validator(json_schema(PLUGINS))


@given(
    st.one_of(
        st.builds(lambda section: document(**section), table(**sections)),
        st.builds(lambda orders: document(orders=orders), destinations),
        *(
            st.builds(lambda value, name=name: document(**{name: value}), kind)
            for name, kind in sections.items()
        ),
    )
)
def test_what_check_accepts_it_accepts(tables: dict[str, Any]) -> None:
    """An editor that marks what the gateway takes is worse than none."""
    if is_accepted(tables, PLUGINS):
        assert list(VALIDATOR.iter_errors(tables)) == []
