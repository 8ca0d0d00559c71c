"""`${NAME}` and `${NAME:-default}` in a string of the file, taken from the environment."""

import re
from collections.abc import Mapping

_DOLLAR = re.compile(r"\$\$|\$\{(?P<body>[^}]*)(?P<end>\}?)")
_REFERENCE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>(?:(?!\$\{).)*))?", re.DOTALL)


def expand(text: str, environment: Mapping[str, str]) -> str:
    """`text` with its references replaced; `$$` is a dollar sign, and so is one before anything but `{`.

    A default stands in for a variable that is unset or empty. Raises ValueError that names the
    variables which are not set, or says that a reference cannot be read; it quotes no value.
    """
    missing: list[str] = []

    def replace(match: re.Match[str]) -> str:
        if match["body"] is None:
            return "$"
        return _value(match, environment, missing)

    expanded = _DOLLAR.sub(replace, text)
    if missing:
        raise ValueError(_not_set(missing))
    return expanded


def _value(match: re.Match[str], environment: Mapping[str, str], missing: list[str]) -> str:
    reference = _REFERENCE.fullmatch(match["body"])
    if reference is None or not match["end"]:
        raise ValueError('expected "${NAME}" or "${NAME:-default}"; a dollar sign before "{" is written "$$"')
    name, default = reference["name"], reference["default"]
    value = environment.get(name, "")
    if name not in environment and default is None:
        missing.append(name)
    _check_encoding(name, value)
    return value or default or ""


def _check_encoding(name: str, value: str) -> None:
    """Bytes that are no UTF-8 come out of the environment as lone surrogates, which no file can hold."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"the environment variable {name} is not UTF-8") from None


def _not_set(names: list[str]) -> str:
    names = list(dict.fromkeys(names))
    if len(names) == 1:
        return f"the environment variable {names[0]} is not set"
    return f"the environment variables {', '.join(names)} are not set"
