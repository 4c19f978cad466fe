"""The formats of export: what they need, the file they write, and how exact they must be. Light."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from cnnforge.errors import RecipeError

TOLERANCE = 1e-4
"""Largest difference of a probability from the network's."""

MIN_AGREEMENT = 0.95
"""Share of test images to which a quantized model must give the same class, all but one image at least."""

MAX_LOST_ACCURACY = 0.02
"""How much lower a quantized model's accuracy on test images may be, or by one image at least."""


class Format(enum.StrEnum):
    """What a model can be exported to."""

    SAVED_MODEL = "saved-model"
    ONNX = "onnx"
    LITERT = "litert"
    KERAS = "keras"


class Quantization(enum.StrEnum):
    """Smaller numbers for LiteRT."""

    FLOAT16 = "float16"
    DYNAMIC = "dynamic"
    INT8 = "int8"


@dataclass(frozen=True, slots=True)
class FormatFacts:
    """A format.

    Args:
        artifact: Name of the model in the folder of the export.
        packages: Modules that writing and checking it need, beyond what CNNForge itself does.
        takes: What it takes, for people.
    """

    artifact: str
    packages: tuple[str, ...]
    takes: str


FORMATS = {
    Format.SAVED_MODEL: FormatFacts("model", (), "JPEG and PNG files, or uint8 images at the network's size"),
    Format.ONNX: FormatFacts("model.onnx", ("onnx", "tf2onnx", "onnxruntime"), "uint8 images of any one size"),
    Format.LITERT: FormatFacts("model.tflite", ("ai_edge_litert",), "uint8 images at the network's size"),
    Format.KERAS: FormatFacts("model.keras", (), "uint8 images at the network's size"),
}


def check(chosen: Format, quantize: Quantization | None, out: Path) -> None:
    """Refuse what cannot be done here, before anything heavy is imported.

    Raises:
        RecipeError: The format cannot be quantized, ``out`` exists, or a package is missing.
    """
    if out.exists():
        raise RecipeError(
            f"expected a new folder, received --out {out}, which exists already",
            hint="choose another --out; an export is never overwritten",
        )
    if quantize and chosen != Format.LITERT:
        raise RecipeError(
            f"expected --quantize with --format litert only, received --quantize {quantize} with --format {chosen}"
        )
    missing = [name for name in FORMATS[chosen].packages if find_spec(name) is None]
    if missing:
        raise RecipeError(
            f"--format {chosen} needs packages that are not installed: {', '.join(missing)}",
            hint="pip install 'cnnforge[export]'",
        )
