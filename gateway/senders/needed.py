"""A key of a destination that has no default: a text that an operator has to write."""

from typing import Annotated

from msgspec import Meta

Needed = Annotated[str, Meta(extra_json_schema={"minLength": 1})]
"""A text that the `check` of its config refuses where it is empty; the configuration's schema says so."""
