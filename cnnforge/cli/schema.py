"""The options of a plugin as JSON schema, and that schema in words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from cnnforge.host import Options, search_space

_WORDS = {"integer": "int", "number": "float", "boolean": "true | false", "string": "text", "object": "table"}
_BOUNDS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}


def options_schema(options: type[Options]) -> dict[str, Any]:
    """Return the JSON schema of an options class; a setting to tune has its search space as ``search_space``."""
    schema = options.model_json_schema()
    for name, setting in schema.get("properties", {}).items():
        space = search_space(options, name)
        if space is not None:
            setting["search_space"] = {"kind": space.kind, "text": space.describe(), **asdict(space)}
    return schema


def allowed(setting: Mapping[str, Any]) -> str:
    """Return which values a setting takes, in a few words, from its JSON schema."""
    if "anyOf" in setting:
        return " or ".join(allowed(choice) for choice in setting["anyOf"] if choice.get("type") != "null")
    if "enum" in setting:
        return " | ".join(map(str, setting["enum"]))
    if "const" in setting:
        return str(setting["const"])
    if setting.get("type") == "array":
        return _allowed_list(setting)
    if "format" in setting:
        return str(setting["format"])
    return f"{_WORDS.get(setting.get('type', ''), 'any')} {', '.join(_bounds(setting))}".rstrip()


def default(setting: Mapping[str, Any]) -> str:
    """Return the default of a setting as a recipe would write it; a dash if it is not set."""
    value = setting.get("default")
    return "-" if value is None else json.dumps(value, ensure_ascii=False)


def _allowed_list(setting: Mapping[str, Any]) -> str:
    if "prefixItems" in setting:
        return f"[{', '.join(allowed(item) for item in setting['prefixItems'])}]"
    low, high = setting.get("minItems", 0), setting.get("maxItems")
    length = f"{low} to {high} of " if high is not None else f"at least {low} of " if low else ""
    return f"list of {length}{allowed(setting.get('items', {}))}"


def _bounds(setting: Mapping[str, Any]) -> list[str]:
    if "minimum" in setting and "maximum" in setting:
        return [f"{setting['minimum']} to {setting['maximum']}"]
    return [f"{sign} {setting[key]}" for key, sign in _BOUNDS.items() if key in setting]
