"""Handing a trained network to other programs: the command ``export`` and its formats."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import cnnforge


class LiteRTOptions(cnnforge.Options):
    """How a LiteRT file holds numbers."""

    quantize: Annotated[
        Literal["float16", "dynamic", "int8"] | None,
        cnnforge.Field(
            description="weights in 16 or 8 bits (float16, dynamic), or weights and activations in 8 (int8)"
        ),
    ] = None


@cnnforge.hookimpl
def cnnforge_commands() -> Iterator[cnnforge.CommandSpec]:
    """Bring the command."""
    yield cnnforge.CommandSpec(
        name="export",
        summary="Write a trained network for other programs, and check it.",
        app="cnnforge_export.command:export",
        function="cnnforge_export.interface:export",
    )


@cnnforge.hookimpl
def cnnforge_export_formats() -> Iterator[cnnforge.ExportFormatSpec]:
    """Bring the formats."""
    yield cnnforge.ExportFormatSpec(
        name="saved-model",
        summary="TensorFlow's SavedModel, for a server with TensorFlow",
        write="cnnforge_export.writers:write_saved_model",
        consumer="cnnforge_export:consumers/saved_model.py",
        takes="files",
        file_name="model",
    )
    yield cnnforge.ExportFormatSpec(
        name="onnx",
        summary="ONNX, for C#, C++, Java, JavaScript and servers without TensorFlow",
        write="cnnforge_export.writers:write_onnx",
        consumer="cnnforge_export:consumers/onnx.py",
        packages=("onnx", "tf2onnx", "onnxruntime"),
        takes="any size",
        file_name="model.onnx",
    )
    yield cnnforge.ExportFormatSpec(
        name="litert",
        summary="LiteRT, for telephones and small devices",
        write="cnnforge_export.writers:write_litert",
        consumer="cnnforge_export:consumers/litert.py",
        packages=("ai-edge-litert",),
        options=LiteRTOptions,
        lossy=("quantize",),
        file_name="model.tflite",
    )
    yield cnnforge.ExportFormatSpec(
        name="keras",
        summary="Keras's own file, for further training and Keras code",
        write="cnnforge_export.writers:write_keras",
        consumer="cnnforge_export:consumers/keras.py",
        file_name="model.keras",
    )
