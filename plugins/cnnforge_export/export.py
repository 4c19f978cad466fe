"""From a trained run to a folder that other programs can use, checked before it gets its name."""

from __future__ import annotations

import platform
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from cnnforge.errors import ExportError
from cnnforge.runs import TrainedRun, now, recorded_packages
from cnnforge.system import Reporter, captured_stderr, files
from cnnforge_export import golden, parity
from cnnforge_export.formats import FORMATS, MAX_LOST_ACCURACY, MIN_AGREEMENT, TOLERANCE, Format, Quantization
from cnnforge_export.golden import SplitImages

DESCRIPTION = "export.json"
_NUM_GOLDEN = 200
_NUM_CALIBRATION = 200
_NUM_MEASURED = 2000
_CONSUMERS = Path(__file__).parent / "consumers"
_PACKAGES = ("cnnforge", "keras", "tensorflow", "numpy", "pillow", "onnx", "tf2onnx", "onnxruntime", "ai-edge-litert")


def export(
    trained: TrainedRun, chosen: Format, quantize: Quantization | None, out: Path, reporter: Reporter
) -> dict[str, Any]:
    """Write a trained network in a format, with golden images and a script, and check it in its own runtime.

    Args:
        trained: The run.
        chosen: The format.
        quantize: Smaller numbers, for LiteRT.
        out: The folder to write; it must not exist.
        reporter: Told what happens.

    Returns:
        What ``export.json`` holds; see ``docs/reference/export.md``.

    Raises:
        ExportError: The network cannot be converted, or the result does not say what the network says. Nothing is
            left at ``out`` then.
        DataError: The photographs of the run are gone, so that nothing can be checked.
    """
    split = trained.resolved.recipe.evaluation.split
    images = golden.read(trained, split, _NUM_GOLDEN)
    expected = trained.predictor()(images.pixels)
    with files.new_folder(out) as folder:
        reporter.say(f"Writing  {chosen}{f', {quantize}' if quantize else ''}: {FORMATS[chosen].takes}")
        _convert(trained, chosen, quantize, folder / FORMATS[chosen].artifact)
        golden.write(folder, images, expected, trained.class_names)
        shutil.copy(_CONSUMERS / f"{_module(chosen)}.py", folder / parity.SCRIPT)
        facts = _describe(trained, chosen, quantize)
        files.write_json(folder / DESCRIPTION, facts)
        reporter.say(f"Checking {len(images.names)} golden images of the {split} split, in a process of its own")
        checks = list(_checks(folder, chosen, images, expected))
        facts["checks"] = [asdict(check) for check in checks]
        if quantize:
            facts["quantization"] = _require_quantized(trained, folder, split)
        else:
            for check in checks:
                check.require()
        facts["sha256"] = _hashes(folder)
        files.write_json(folder / DESCRIPTION, facts)
    return facts


def _module(chosen: Format) -> str:
    """Return the name of a format's module, and of its script in ``consumers``."""
    return chosen.replace("-", "_")


def _convert(trained: TrainedRun, chosen: Format, quantize: Quantization | None, path: Path) -> None:
    """Write the model alone."""
    settings: list[Any] = []
    if chosen == Format.LITERT:
        is_calibrated = quantize == Quantization.INT8
        settings = [quantize, golden.read(trained, "train", _NUM_CALIBRATION).pixels if is_calibrated else None]
    try:
        with captured_stderr():  # the converters print dozens of lines there
            import_module(f"cnnforge_export.{_module(chosen)}").write(trained, path, *settings)
    except OSError:
        raise  # the disk, not the network
    except Exception as error:  # a converter may raise anything for a layer it does not know
        reason = " ".join(str(error).split())[:300]
        raise ExportError(
            f"expected a network that {chosen} can hold, received {type(error).__name__}: {reason}",
            hint="--format saved-model and --format keras take every network; --traceback says more",
        ) from error


def _describe(trained: TrainedRun, chosen: Format, quantize: Quantization | None) -> dict[str, Any]:
    run, decoding = trained.directory.read_run(), trained.decoding
    return {
        "format": chosen.value,
        "quantize": quantize and quantize.value,
        "artifact": FORMATS[chosen].artifact,
        "created": now(),
        "run": {
            "name": trained.directory.path.absolute().name,
            **{key: run.get(key) for key in ("recipe", "started", "best_epoch", "plugins")},
            "data_fingerprint": run["data"]["fingerprint"],
        },
        "class_names": list(trained.class_names),
        "input": {
            "takes": FORMATS[chosen].takes,
            "height": decoding.height,
            "width": decoding.width,
            "channels": decoding.channels,
            "interpolation": decoding.interpolation,
            "background": list(decoding.background),
        },
        "packages": recorded_packages(_PACKAGES),
        "python": platform.python_version(),
    }


def _checks(folder: Path, chosen: Format, images: SplitImages, expected: np.ndarray) -> Iterator[parity.Parity]:
    options = ["--pixels"] if chosen == Format.SAVED_MODEL else []
    found = parity.classify(folder, images.pixel_files, *options)
    yield parity.compare("pixels", images.pixel_files, found, expected, TOLERANCE)
    photographs = images.photograph_files
    if photographs:
        found = parity.classify(folder, list(photographs.values()))
        wanted = expected[list(photographs)]
        yield parity.compare("photographs", list(photographs.values()), found, wanted, TOLERANCE)


def _require_quantized(trained: TrainedRun, folder: Path, split: str) -> dict[str, Any]:
    """Return how a quantized model does on the images of a split, or refuse it."""
    images = golden.read(trained, split, _NUM_MEASURED)
    with tempfile.TemporaryDirectory() as name:
        paths = [Path(name) / f"{number:04}.png" for number in range(len(images.names))]
        for path, pixels in zip(paths, images.pixels, strict=True):
            path.write_bytes(golden.png(pixels))
        found = parity.classify(folder, [str(path) for path in paths]).argmax(axis=1)
    before = trained.predictor()(images.pixels).argmax(axis=1)
    agreement = float((found == before).mean())
    accuracy, accuracy_before = (float((classes == images.labels).mean()) for classes in (found, before))
    one_image = 1 / len(images.names) + 1e-9  # of a few images one alone may be more than the bounds allow
    is_alike = agreement >= min(MIN_AGREEMENT, 1 - one_image)
    if not is_alike or accuracy_before - accuracy > max(MAX_LOST_ACCURACY, one_image):
        raise ExportError(
            f"expected a quantized model that agrees with the network on {MIN_AGREEMENT:.0%} of the {split} images and"
            f" loses at most {MAX_LOST_ACCURACY:.3f} of accuracy, received {agreement:.1%} and accuracy {accuracy:.3f}"
            f" instead of {accuracy_before:.3f}",
            hint="float16 and dynamic lose less than int8",
        )
    return {
        "split": split,
        "num_images": len(images.names),
        "agreement": agreement,
        "accuracy": accuracy,
        "accuracy_before": accuracy_before,
        "min_agreement": MIN_AGREEMENT,
        "max_lost_accuracy": MAX_LOST_ACCURACY,
    }


def _hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file but the golden images."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != DESCRIPTION)
    names = {path.relative_to(folder).as_posix(): path for path in paths}
    return {
        name: files.sha256(path)
        for name, path in names.items()
        if not name.startswith((golden.PIXELS, golden.PHOTOGRAPHS))
    }
