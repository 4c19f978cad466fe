"""Making pages: templates in which whatever is inserted is escaped, and pictures inside the page."""

from __future__ import annotations

import base64
from functools import cache
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from cnnforge.report import numbers as formats
from cnnforge.system import plain


def render(package: str, template: str, **values: Any) -> str:
    """Return a page made from a template in the folder ``templates`` of a package.

    It may include ``report.css`` and import ``parts.html.j2``, which all pages of CNNForge have in common.
    """
    return as_utf8(_environment(package).get_template(template).render(**values))


@cache
def _environment(package: str) -> Environment:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("cnnforge.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": formats.number,
        "count": formats.count,
        "percent": formats.percent,
        "duration": formats.duration,
    }
    return environment


def as_utf8(text: str) -> str:
    """Return a text that UTF-8 can hold and that reads as it stands, whatever the names in it.

    A file name that is none in its file system comes as lone surrogates; marks in others turn the order of text around.
    """
    return plain(text).encode("utf-8", "replace").decode("utf-8")


def data_uri(content: bytes, media_type: str) -> str:
    """Return a picture as a URI that holds it."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"
