"""Is what was sent to Stripe what the official package's typed parameters allow?"""

import importlib
import types
from collections.abc import Callable
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin

import typing_extensions as typing
from stripe import _request_options


def nested(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """``line_items[0][quantity]=1`` as the nested value it stands for."""
    root: dict[str, Any] = {}
    for name, value in pairs:
        first, *rest = name.replace("]", "").split("[")
        place, steps = root, [first, *rest]
        for step in steps[:-1]:
            place = place.setdefault(step, {})
        place[steps[-1]] = value
    return root


def misfits(value: Any, hint: Any, where: str = "") -> list[str]:
    """What about ``value`` (texts, as they come from a form) is not what the typed parameter allows."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        tries = [misfits(value, arg, where) for arg in args]
        return min(tries, key=len)
    if origin is Literal:
        return [] if value in args else [f"{where} is {value!r}"]
    if origin is list:
        items = [item for _index, item in sorted(value.items())] if isinstance(value, dict) else value
        return [text for number, item in enumerate(items) for text in misfits(item, args[0], f"{where}[{number}]")]
    if origin is dict:
        return [text for key, item in value.items() for text in misfits(item, args[1], f"{where}.{key}")]
    if typing.is_typeddict(hint):
        return _misfit_fields(value, hint, where)
    fits: dict[Any, Callable[[], bool]] = {
        int: lambda: value.lstrip("-").isdigit(),
        bool: lambda: value in ("true", "false"),
        str: lambda: isinstance(value, str),
    }
    return [] if hint in fits and fits[hint]() else [f"{where} is {value!r}"]


def _misfit_fields(value: Any, hint: Any, where: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{where} is {value!r}"]
    hints = _hints(hint)
    found = [f"{where}.{name} does not exist" for name in value if name not in hints]
    found += [f"{where}.{name} is missing" for name in hint.__required_keys__ if name not in value]
    return found + [
        text for name, item in value.items() if name in hints for text in misfits(item, hints[name], f"{where}.{name}")
    ]


@cache
def _hints(hint: Any) -> dict[str, Any]:
    known = {**vars(_request_options), "StripeContext": str}  # a name that the package has for type checkers only
    return typing.get_type_hints(hint, vars(importlib.import_module(hint.__module__)), known)
