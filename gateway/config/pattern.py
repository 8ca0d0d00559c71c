"""What a string of the file looks like, as regular expressions for others' tools.

Only what ECMA 262, Rust and Python read alike: no lookaround, no classes of Unicode. Each says the form
that `parse` asks for, or a little less; wherever a form is asked for, a string may take its value from the
environment instead.
"""

_NAME_OF_VARIABLE = "[A-Za-z_][A-Za-z0-9_]*"
_DURATION_UNIT = "(?:ms|s|m|h|d)"
_SIZE_UNIT = "(?:B|KiB|MiB|GiB)"
_ABOVE_ZERO = "0*[1-9][0-9]*"
_PORT = "(?:[0-9]{1,4}|[0-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_HOST = r"(?:\[[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*(?:%[^\[\]%]+)?\]|[^\s:/\[\]]+)"

TEXT = rf"^(?:[^$]|\$\$|\$[^${{]|\$\{{{_NAME_OF_VARIABLE}(?::-(?:[^$}}]|\$+[^${{}}])*\$*)?\}})*\$?$"
"""Any string whose references can be read."""

REFERENCE = rf"\$\{{{_NAME_OF_VARIABLE}(?::-[^}}]*)?\}}"
"""A string that takes at least a part of its value from the environment."""

WRITTEN_OUT = "^[^$]+$"
"""A string that says something, whatever the environment has."""

NAME = "^[a-z0-9][a-z0-9_-]{0,63}$"
"""The name of a destination."""


def _or_reference(form: str) -> str:
    return f"^(?:{form})$|{REFERENCE}"


DURATION = _or_reference(rf"[0-9]{{1,15}}(?:\.[0-9]{{1,15}})?{_DURATION_UNIT}")
DURATION_ABOVE_ZERO = _or_reference(
    rf"(?:{_ABOVE_ZERO}(?:\.[0-9]{{1,15}})?|0+\.{_ABOVE_ZERO}){_DURATION_UNIT}"
)

SIZE = _or_reference(f"[0-9]{{1,15}}{_SIZE_UNIT}")
SIZE_ABOVE_ZERO = _or_reference(f"{_ABOVE_ZERO}{_SIZE_UNIT}")

SOCKET_MODE = _or_reference("0?[0-7]{3}")
LISTEN_ADDRESS = _or_reference(rf"{_HOST}:{_PORT}|unix:[^\x00]+")
