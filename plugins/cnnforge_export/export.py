"""From a trained run to a folder that other programs can use, checked before it gets its name."""

from __future__ import annotations

import inspect
import platform
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from cnnforge.data import decode, render
from cnnforge.errors import CnnforgeError, ExportError
from cnnforge.host import Entry, ExportFormatSpec, Options, import_deferred, read_resource
from cnnforge.running import TrainedRun, now, recorded_packages
from cnnforge.system import Reporter, captured_stderr, files
from cnnforge_export import golden, parity
from cnnforge_export.golden import SplitImages
from cnnforge_export.image_kinds import image_kinds

MIN_AGREEMENT = 0.95
"""Share of images to which a model with smaller numbers must give the same class, all but one image at least."""

MAX_LOST_ACCURACY = 0.02
"""How much lower the accuracy of a model with smaller numbers may be, or by one image at least."""

DESCRIPTION = "export.json"
DECODER = "photographs.py"
"""The decoder of training, for the script to import."""

_NUM_GOLDEN = 200
_NUM_MEASURED = 2000
_PACKAGES = ("cnnforge", "keras", "tensorflow", "numpy", "pillow", "onnx", "tf2onnx", "onnxruntime", "ai-edge-litert")
_TAKES = {
    "pixels": "uint8 images at the network's size",
    "any size": "uint8 images of any one size",
    "files": "JPEG and PNG files, or uint8 images at the network's size",
}


def export(
    trained: TrainedRun, entry: Entry[ExportFormatSpec], options: Options, out: Path, reporter: Reporter
) -> dict[str, Any]:
    """Write a trained network in a format, with golden images and a script, and check it in its own runtime.

    Args:
        trained: The run.
        entry: The format.
        options: Its settings.
        out: The folder to write; it must not exist.
        reporter: Told what happens.

    Returns:
        What ``export.json`` holds; see ``docs/reference/export.md``.

    Raises:
        ExportError: The network cannot be converted, or the result does not say what the network says. Nothing is
            left at ``out`` then.
        DataError: The photographs of the run are gone, so that nothing can be checked.
        PluginError: The format's own code or its script cannot be found.
    """
    spec = entry.spec
    split = trained.resolved.recipe.evaluation.split
    images = golden.read(trained, split, _NUM_GOLDEN, spec.takes)
    expected = trained.predictor()(images.pixels)
    smaller = [str(value) for name in spec.lossy if (value := getattr(options, name))]
    with files.new_folder(out) as folder:
        reporter.say(f"Writing  {', '.join([spec.name, *smaller])}: {_TAKES[spec.takes]}")
        _convert(trained, entry, options, folder)
        golden.write(folder, images, expected, trained.class_names)
        facts = _describe(trained, spec, options)
        files.write_json(folder / DESCRIPTION, facts)
        kinds = image_kinds()
        untaken = {name: why for name, kind in kinds.items() if (why := golden.why_untaken(kind, spec.takes))}
        taken = {name: kind for name, kind in kinds.items() if name not in untaken}
        reporter.say(f"Checking {len(images.names)} golden images of the {split} split, in a process of its own")
        reporter.say(f"         {len(taken)} kinds of image files")
        checks = [*_checks(folder, spec, images, expected), _check_kinds(folder, spec, trained, taken)]
        facts["checks"] = [asdict(check) for check in checks]
        facts["untried"] = images.untried
        facts["untried_kinds"] = list(untaken)
        if images.untried:
            reasons = ", ".join(f"{number} {reason}" for reason, number in images.untried.items())
            reporter.say(f"Untried  golden photographs: {reasons}")
        if untaken:
            reporter.say(f"Untried  kinds of image files: {', '.join(sorted(set(untaken.values())))}")
        if smaller:
            facts["quantization"] = _require_alike(trained, folder, split)
        else:
            for check in checks:
                check.require()
        facts["sha256"] = _hashes(folder)
        files.write_json(folder / DESCRIPTION, facts)
    return facts


def _convert(trained: TrainedRun, entry: Entry[ExportFormatSpec], options: Options, folder: Path) -> None:
    """Write the model and its script."""
    spec, owner = entry.spec, f"{entry.spec.kind} {entry.spec.name!r} of plugin {entry.plugin}"
    script = read_resource(spec.consumer, owner)
    try:
        with captured_stderr():  # the converters print dozens of lines there
            import_deferred(spec.write, owner)(trained, folder / spec.file_name, options)
    except (OSError, CnnforgeError):
        raise  # the disk, the photographs or the plugin, not the network
    except Exception as error:  # a converter may raise anything for a layer it does not know
        reason = " ".join(str(error).split())[:300]
        raise ExportError(
            f"expected a network that {spec.name} can hold, received {type(error).__name__}: {reason}",
            hint=f"--format {'onnx' if spec.name == 'keras' else 'keras'} may take it; --traceback says more",
        ) from error
    if not (folder / spec.file_name).exists():
        raise ExportError(f"{owner}: expected {spec.write} to write {spec.file_name}, received nothing of that name")
    (folder / parity.SCRIPT).write_bytes(script)
    (folder / DECODER).write_text(inspect.getsource(sys.modules[render.__module__]), encoding="utf-8")


def _describe(trained: TrainedRun, spec: ExportFormatSpec, options: Options) -> dict[str, Any]:
    run, decoding = trained.directory.read_run(), trained.decoding
    settings = options.model_dump(mode="json")
    return {
        "format": spec.name,
        "quantize": settings.pop("quantize", None),
        **({"options": settings} if settings else {}),
        "artifact": spec.file_name,
        "created": now(),
        "run": {
            "name": trained.directory.path.absolute().name,
            **{key: run.get(key) for key in ("recipe", "started", "best_epoch", "plugins")},
            "data_fingerprint": run["data"]["fingerprint"],
        },
        "class_names": list(trained.class_names),
        "input": {
            "takes": _TAKES[spec.takes],
            "height": decoding.height,
            "width": decoding.width,
            "channels": decoding.channels,
            "interpolation": decoding.interpolation,
            "background": list(decoding.background),
        },
        "packages": recorded_packages((*_PACKAGES, *spec.packages)),
        "python": platform.python_version(),
    }


def _checks(folder: Path, spec: ExportFormatSpec, images: SplitImages, expected: np.ndarray) -> Iterator[parity.Parity]:
    script_options = ["--pixels"] if spec.takes == "files" else []
    found = parity.classify(folder, images.pixel_files, *script_options)
    yield parity.compare("pixels", images.pixel_files, found, expected, spec.tolerance)
    photographs = images.photograph_files
    if photographs:
        found = parity.classify(folder, list(photographs.values()))
        wanted = expected[list(photographs)]
        yield parity.compare("photographs", list(photographs.values()), found, wanted, spec.tolerance)


def _check_kinds(
    folder: Path, spec: ExportFormatSpec, trained: TrainedRun, kinds: Mapping[str, bytes]
) -> parity.Parity:
    """Return how far the model and its script are from the network for each of these files, by name."""
    expected = trained.predictor()(np.stack([decode(kind, trained.decoding).pixels for kind in kinds.values()]))
    with tempfile.TemporaryDirectory() as name:
        paths = [Path(name) / kind for kind in kinds]
        for path, content in zip(paths, kinds.values(), strict=True):
            path.write_bytes(content)
        found = parity.classify(folder, [str(path) for path in paths])
    return parity.compare("image kinds", list(kinds), found, expected, spec.tolerance)


def _require_alike(trained: TrainedRun, folder: Path, split: str) -> dict[str, Any]:
    """Return how a model with smaller numbers does on the images of a split, or refuse it."""
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
            hint="fewer bits lose more: of LiteRT's, float16 and dynamic lose less than int8",
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
