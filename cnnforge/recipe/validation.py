"""Strict validation of settings, with messages that name the key and the closest known one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from cnnforge.errors import RecipeError, did_you_mean

M = TypeVar("M", bound=BaseModel)


def validate(model: type[M], values: Mapping[str, Any], where: str, known: Iterable[str] = ()) -> M:
    """Return ``model`` built from plain values as TOML and JSON know them, without coercion.

    ``"10"``, ``3.0`` and ``true`` are no whole numbers; a list is accepted where a tuple is declared.

    Args:
        model: The settings class.
        values: Its values.
        where: Dotted prefix of the keys in messages, for example ``"training"``.
        known: Further names that a near-miss suggestion may offer.

    Raises:
        RecipeError: A value is wrong or a key unknown; one line for each.
    """
    try:
        # JSON mode is what makes "strict" mean TOML's types: a list is a tuple, a string is a path.
        return model.model_validate_json(json.dumps(values, default=str), strict=True)
    except RecursionError:
        raise RecipeError(
            f"{where or 'settings'}: expected a few tables within one another, received thousands"
        ) from None
    except ValidationError as error:
        lines = [_describe(model, detail, where, tuple(known)) for detail in error.errors(include_url=False)]
        raise RecipeError("\n".join(lines)) from None


def _describe(model: type[BaseModel], detail: ErrorDetails, where: str, known: tuple[str, ...]) -> str:
    location = [str(part) for part in detail["loc"] if not str(part).startswith(("function-", "union"))]
    key = ".".join([where, *location]) if where else ".".join(location)
    if detail["type"] == "extra_forbidden":
        owner = _model_at(model, detail["loc"][:-1])
        names = [*(owner.model_fields if owner else ()), *known]
        return f"unknown setting {key}.{did_you_mean(location[-1], names)} Known: {', '.join(sorted(names))}"
    if detail["type"] == "missing":
        return f"missing setting {key}"
    received = _shorten(json.dumps(detail["input"], default=str))
    return f"{key}: {_expectation(detail)}, received {location[-1] if location else where}={received}"


def _expectation(detail: ErrorDetails) -> str:
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return f"expected {message[0].lower()}{message[1:]}" if detail["msg"].startswith("Input should be") else message


def _model_at(model: type[BaseModel], location: tuple[int | str, ...]) -> type[BaseModel] | None:
    for part in location:
        field = model.model_fields.get(str(part))
        if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, BaseModel):
            return None
        model = field.annotation
    return model


def _shorten(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else f"{text[:limit]}…"
