"""The data source ``acme_names``."""

from __future__ import annotations

import re

import cnnforge
from acme_net import AcmeNamesOptions
from cnnforge.errors import DataError


def open_source(options: AcmeNamesOptions) -> cnnforge.LabelledImages:
    """Return the photographs whose names carry a class.

    Raises:
        DataError: There is no path, or no name fits.
    """
    if options.path is None:
        raise DataError("expected photographs, received no path", hint="give it with --data PATH")
    files = cnnforge.open_files(options.path)
    found = {file: m["class"] for file in files.files if (m := re.search(options.pattern, file.name))}
    if not found:
        raise DataError(
            f"expected names like 'rose_001.jpg', received {len(files.files)} others",
            hint=r"say where the class stands: --set 'data.pattern=(?P<class>\w+) \d+'",
        )
    class_names = sorted(set(found.values()))
    return cnnforge.LabelledImages(
        class_names=class_names,
        names=[file.name for file in found],
        labels=[class_names.index(name) for name in found.values()],
        read=files.reader([file.name for file in found]),
        signatures=[file.signature for file in found],
        left_out=[
            *files.left_out,
            *(cnnforge.LeftOut(file.name, "no class in its name") for file in files.files if file not in found),
        ],
        location=files.location,
    )
