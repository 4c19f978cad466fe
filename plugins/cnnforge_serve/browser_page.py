"""The page for people: three files, which ask for nothing from anywhere else."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import jinja2
from fastapi import APIRouter, Response

from cnnforge.report import numbers
from cnnforge.running import TrainedRun
from cnnforge_serve.service import Service

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Permissions-Policy": "camera=(self)",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


def page_router(service: Service, *, needs_token: bool) -> APIRouter:
    """Return the routes ``/``, ``/page.css`` and ``/page.js``."""
    router = APIRouter(include_in_schema=False)
    folder = files("cnnforge_serve") / "page"
    template = jinja2.Environment(autoescape=True).from_string((folder / "index.html.j2").read_text("utf-8"))
    shown = {"needs_token": needs_token, "explains": service.explainer is not None}
    style = (files("cnnforge.report") / "templates" / "report.css").read_text("utf-8")
    contents = {
        "/": ("text/html", template.render(facts(service.trained), **shown)),
        "/page.css": ("text/css", style + (folder / "page.css").read_text("utf-8")),
        "/page.js": ("text/javascript", (folder / "page.js").read_text("utf-8")),
    }
    for path, (media_type, text) in contents.items():
        router.add_api_route(path, _answering(Response(text, media_type=media_type, headers=_HEADERS)))
    return router


def facts(trained: TrainedRun) -> dict[str, Any]:
    """Return what the page says of the run."""
    directory = trained.directory
    evaluation = directory.read_evaluation() if directory.evaluation.is_file() else None
    run = directory.read_run()
    return {
        "run": directory.path.absolute().name,
        "recipe": run["recipe"],
        "architecture": trained.resolved.architecture.spec.name,
        "class_names": trained.class_names,
        "accuracy": evaluation and numbers.percent(evaluation["accuracy"]),
        "num_images": evaluation and numbers.count(evaluation["num_images"]),
        "notice": run["data"].get("notice"),
    }


def _answering(response: Response) -> Any:
    async def answer() -> Response:
        return response

    return answer
