"""What a ``.keras`` file says its network is made of: JSON, in which every object must be a known one of Keras's."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

ALLOWED: dict[str, set[str]] = {
    module: set(names.split())
    for module, names in tomllib.loads(files(__package__).joinpath("allowed.toml").read_text(encoding="utf-8")).items()
}
_PLAIN = {"__keras_tensor__", "__tensor__", "__numpy__", "__ellipsis__", "__slice__"}
_MAX_NUMBER = 2**24  # of units, filters, pixels
_NOT_SIZES = {"seed", "shared_object_id"}
_NO_NAME = re.compile(r"[/\\\x00-\x1f]")
_MAX_VALUES = 1_000_000


def read(content: bytes) -> str:
    """Return the description of a network, without what it says of training, after all in it has been checked.

    Raises:
        ValueError: It is no JSON, or has something in it that is not known to be harmless.
    """
    try:
        configuration = json.loads(content)
        if not isinstance(configuration, dict) or "class_name" not in configuration:
            raise ValueError("it describes no network")
        for number, (key, value) in enumerate(_values(configuration)):
            _check(key, value)
            if number > _MAX_VALUES:
                raise ValueError(f"it has more than {_MAX_VALUES:,} values")
        return json.dumps(configuration)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its config.json is refused: {error}") from None


def _values(configuration: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield every value with the key that it or its list has; what is said of training is taken out on the way."""
    waiting: list[tuple[str, Any]] = [("", configuration)]
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, dict):
            value.pop("compile_config", None)
            waiting.extend(value.items())
        elif isinstance(value, list):
            waiting.extend((key, item) for item in value)
        yield key, value


def _check(key: str, value: Any) -> None:
    if isinstance(value, dict) and "class_name" in value:
        _check_object(value)
    elif isinstance(value, int) and abs(value) > _MAX_NUMBER and key not in _NOT_SIZES:
        raise ValueError(f"expected numbers up to {_MAX_NUMBER:,}, received {key}={value:,}")
    elif key == "name" and isinstance(value, str) and _NO_NAME.search(value):
        raise ValueError(f"expected names without slashes, received name={value[:100]!r}")


def _check_object(value: dict[str, Any]) -> None:
    module, name, registered = (value.get(key) for key in ("module", "class_name", "registered_name"))
    if not all(isinstance(text, str | None) for text in (module, name, registered)):
        raise ValueError("an object has a name that is no text")
    is_known = name in (_PLAIN if module is None else ALLOWED.get(module, ()))
    if not is_known or registered not in (None, name):
        raise ValueError(
            f"expected objects of Keras that only compute, received class_name={name!r} of module={module!r},"
            f" registered_name={registered!r}"
        )
