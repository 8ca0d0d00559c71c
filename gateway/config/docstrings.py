"""What the code says of a section and of its keys: the docstrings of a class and of its attributes.

Python keeps the first and forgets the second, so those are read from the source; where there is none
there are no words, and nothing else changes.
"""

import ast
import inspect
from itertools import pairwise

from msgspec import Struct


def of_class(kind: type) -> str | None:
    """The docstring of the class itself; None if it has none of its own."""
    words = vars(kind).get("__doc__")
    return inspect.cleandoc(words) if words else None


def of_attributes(kind: type[Struct]) -> dict[str, str]:
    """The docstrings that stand below attributes, by attribute; a subclass has those it inherits too."""
    found: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        if each not in (object, Struct) and issubclass(each, Struct):
            found.update(_written_in(each))
    return found


def _written_in(kind: type[Struct]) -> dict[str, str]:
    try:
        (definition,) = ast.parse(inspect.cleandoc("\n" + inspect.getsource(kind))).body
    except (OSError, TypeError, SyntaxError):  # no source: a class made at run time, a zipped package
        return {}
    assert isinstance(definition, ast.ClassDef), "the source of a class"
    return {
        attribute.target.id: inspect.cleandoc(below.value.value)
        for attribute, below in pairwise(definition.body)
        if isinstance(attribute, ast.AnnAssign)
        and isinstance(attribute.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    }
