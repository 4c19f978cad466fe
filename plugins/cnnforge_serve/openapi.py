"""How the endpoints are described at ``/openapi.json``, with examples of this very run."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from cnnforge_serve.limits import Limits


class ImagePrediction(BaseModel):
    """What is said of one image: the classes with their probabilities, or why there are none."""

    name: str = Field(description="the name the image was sent with; empty if it was the body itself")
    predicted: str | None = Field(None, description="the most probable class")
    probability: float | None = Field(None, description="of that class, 0 to 1")
    probabilities: dict[str, float] | None = Field(None, description="of every class, the most probable first")
    error: str | None = Field(None, description="why the image cannot be used")


class PredictResponse(BaseModel):
    """The images of a request, in its order."""

    predictions: list[ImagePrediction]


class Problem(BaseModel):
    """Why a request was refused."""

    detail: str


class BadImages(Problem):
    """Why no image of a request could be used."""

    predictions: list[ImagePrediction]


_FILE = {
    "type": "string",
    "format": "binary",
    "description": "JPEG, PNG, GIF, WebP, BMP, TIFF, AVIF, or HEIC with its extra",
}
_BAD = {"name": "notes.txt", "error": "not an image, but text"}


def predict(limits: Limits, example: dict[str, Any]) -> dict[str, Any]:
    """Return the description of ``/predict``; ``example`` is an answer for one image."""
    bad = {"detail": _BAD["error"], "predictions": [_BAD]}
    responses = {
        200: _response("At least one image can be used", PredictResponse, {"predictions": [example]}),
        **_problems(limits),
        422: _response("No image can be used", BadImages, bad),
    }
    files = {"type": "array", "items": _FILE, "maxItems": limits.max_images}
    return {"summary": "Classify images", "responses": responses, "openapi_extra": _body("images", files)}


def explain(limits: Limits) -> dict[str, Any]:
    """Return the description of ``/explain``."""
    picture = {"description": "A heat map", "content": {"image/png": {"schema": _FILE}}}
    return {
        "summary": "Show where the evidence for a class lies",
        "responses": {200: picture, **_problems(limits)},
        "openapi_extra": _body("image", _FILE),
    }


def _problems(limits: Limits) -> dict[int | str, dict[str, Any]]:
    seconds = f"within {limits.timeout_seconds:g} seconds"
    problems = {
        400: ("There is no image, or the form cannot be read", "expected a file in the form, received none"),
        401: ("The token is missing or wrong", "expected the header Authorization: Bearer <token>"),
        408: ("The body took too long", f"expected the whole request {seconds}"),
        413: ("Too many bytes, images or fields", f"expected at most {limits.max_bytes} bytes"),
        415: (
            "The body is of another type",
            "expected image/…, application/octet-stream or multipart/form-data, received text/plain",
        ),
        422: ("The image cannot be used", _BAD["error"]),
        503: ("Busy; come back after Retry-After seconds", "the queue is full (256 images); try again in a second"),
        504: ("The answer took too long", f"expected an answer {seconds}"),
    }
    return {status: _response(text, Problem, {"detail": example}) for status, (text, example) in problems.items()}


def _response(description: str, model: type[BaseModel], example: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "model": model, "content": {"application/json": {"example": example}}}


def _body(field: str, schema: dict[str, Any]) -> dict[str, Any]:
    binary = {"schema": _FILE}
    form = {"schema": {"type": "object", "required": [field], "properties": {field: schema}}}
    content = {"multipart/form-data": form, "image/*": binary, "application/octet-stream": binary}
    return {"requestBody": {"required": True, "content": content}}
