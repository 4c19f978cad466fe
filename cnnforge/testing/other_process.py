"""What ``check_stable`` starts: opens a data source and prints what must not change."""

from __future__ import annotations

import sys
from typing import Any

from cnnforge.deferred import import_deferred
from cnnforge.testing.source_checks import description


def main(open_name: str, module: str, options_name: str, values: str) -> None:
    """Open the source with options of that class and values."""
    owner: Any = import_deferred(f"{module}:{options_name}", "options")
    sys.stdout.write(description(import_deferred(open_name, "open")(owner.model_validate_json(values))))


if __name__ == "__main__":
    main(*sys.argv[1:])
