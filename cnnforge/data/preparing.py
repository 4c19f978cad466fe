"""From a data source to a manifest and its pixels: everything between ``open`` and the first batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from cnnforge.data.decoding import DecodeSettings
from cnnforge.data.duplicates import exact_groups, near_groups
from cnnforge.data.foreign import LFS_POINTER
from cnnforge.data.image_rows import ImageRows
from cnnforge.data.manifest import Manifest
from cnnforge.data.scanning import Progress, Scan, scan
from cnnforge.data.splits import LEFT_OUT, assign, position
from cnnforge.errors import DataError, PluginError
from cnnforge.host import PluginHost, import_deferred
from cnnforge.images import SPLITS, LabelledImages, read_at
from cnnforge.recipe import DataSection, ResolvedRecipe
from cnnforge.system import one_line

_SHOWN_FAULTS = 5


@dataclass(frozen=True, slots=True)
class PreparedData:
    """A data set ready to be trained on."""

    manifest: Manifest
    rows: ImageRows
    location: str
    notice: str


def open_source(resolved: ResolvedRecipe, *, min_classes: int = 2) -> LabelledImages:
    """Return the labelled images of a recipe's data source, checked against the contract.

    Args:
        resolved: The recipe.
        min_classes: How many classes there must be; to measure a network, one is enough.

    Raises:
        DataError: The source cannot use what it was given, or there are fewer classes.
        PluginError: The source breaks the contract.
    """
    spec, plugin = resolved.data_source.spec, resolved.data_source.plugin
    owner = f"data source {spec.name!r} of plugin {plugin}"
    images = import_deferred(spec.open, owner)(resolved.data_options)
    if not isinstance(images, LabelledImages):
        raise PluginError(f"{owner}: expected cnnforge.LabelledImages, received {type(images).__name__}")
    if problems := images.problems():
        raise PluginError(f"{owner}: {'; '.join(problems)}")
    present = [images.class_names[label] for label in sorted(set(images.labels))]
    if len(present) < min_classes:
        number = "two classes" if min_classes == 2 else "one class"
        raise DataError(
            f"expected images of at least {number}, received {len(present)}: {', '.join(present)}",
            hint="give the folder that holds a folder for each class, or labels of several classes",
        )
    return _subset(images, resolved.recipe.data.subset)


def prepare(
    resolved: ResolvedRecipe, images: LabelledImages, progress: Progress, host: PluginHost | None = None
) -> PreparedData:
    """Scan, find duplicates and divide into splits; a host's plugins may warn of what they see there.

    Raises:
        DataError: Too many images cannot be read, a class is too small, or splits on disk share images.
    """
    data = resolved.recipe.data.model_copy(update={"split_method": resolved.recipe.split_method})
    scanned = scan(images, DecodeSettings.of(data, resolved.input_shape), data.store, progress)
    manifest = build_manifest(images, scanned, data)
    if host:
        seen = [warning for _, warning in host.collect("cnnforge_data_prepared", manifest=manifest)]
        manifest = replace(manifest, warnings=[*manifest.warnings, *seen])
    return PreparedData(manifest, scanned.rows, images.location, images.notice)


def build_manifest(images: LabelledImages, scan_result: Scan, data: DataSection) -> Manifest:
    """Return the manifest of a scanned source: faults left out, duplicates found, splits assigned."""
    scanned = scan_result.scanned
    labels = np.asarray(images.labels, np.int32)
    reasons = dict(scanned.reasons)
    _check_faults(images, reasons, data)
    usable = np.delete(np.arange(len(images)), list(reasons))
    groups = [usable[group] for group in exact_groups(scanned.sha256[usable])]
    contradictions = _contradictions(groups, labels, images)
    _check_copies(contradictions, labels, images)
    reasons |= contradictions
    usable = np.setdiff1d(usable, list(contradictions))
    fixed = None if images.splits is None else np.array([SPLITS.index(split) for split in images.splits])[usable]
    splits = np.full(len(images), LEFT_OUT, np.int8)
    splits[usable], notes = assign(scanned.sha256[usable], labels[usable], images.class_names, data, fixed)
    _check_leaks(groups, splits, images.names, data)
    near = [usable[group] for group in near_groups(scanned.perceptual_hashes[usable], scanned.sha256[usable])]
    warnings = [*scan_result.notes, *notes, *_warnings(contradictions, near, splits, labels[usable], images)]
    return Manifest(
        images.class_names, images.names, labels, splits, scanned, reasons, images.left_out, groups, near, warnings
    )


def _check_faults(images: LabelledImages, reasons: dict[int, str], data: DataSection) -> None:
    faults = [(item.name, item.reason) for item in images.left_out if item.is_fault]
    faults += [(images.names[row], reason) for row, reason in sorted(reasons.items())]
    num_files = len(images) + len(faults) - len(reasons)
    if len(faults) <= (0 if data.strict else data.max_unreadable * num_files):
        return
    shown = "\n".join(one_line(f"  {name}: {reason}") for name, reason in faults[:_SHOWN_FAULTS])
    more = f"\n  and {len(faults) - _SHOWN_FAULTS} more" if len(faults) > _SHOWN_FAULTS else ""
    allowed = "none, with data.strict" if data.strict else f"at most data.max_unreadable={data.max_unreadable:g}"
    raise DataError(
        f"expected {allowed} of the images to be unreadable, received {len(faults)} of {num_files}:\n{shown}{more}",
        hint="git lfs pull"
        if all(reason == LFS_POINTER for _, reason in faults)
        else "mend or remove them, or allow more: --set data.max_unreadable=…",
    )


def _contradictions(groups: Sequence[np.ndarray], labels: np.ndarray, images: LabelledImages) -> dict[int, str]:
    """Return the photographs that are in two classes at once: nobody can say which label is right, so none is used."""
    reasons = {}
    for group in groups:
        if len(np.unique(labels[group])) > 1:
            for row in group.tolist():
                other = next(r for r in group.tolist() if labels[r] != labels[row])
                reasons[row] = (
                    f"labelled twice: the same photograph is {images.names[other]},"
                    f" class {images.class_names[labels[other]]}"
                )
    return reasons


def _check_copies(contradictions: dict[int, str], labels: np.ndarray, images: LabelledImages) -> None:
    """Refuse classes that are copies of others: most of their photographs would be left out."""
    counts = np.bincount(labels, minlength=len(images.class_names))
    rows = np.array(list(contradictions), np.int64)
    is_copy = 2 * np.bincount(labels[rows], minlength=len(counts)) > counts
    if not is_copy.any():
        return
    classes = ", ".join(images.class_names[label] for label in np.flatnonzero(is_copy).tolist())
    shown = "\n".join(
        f"  {images.names[row]}: {reason}" for row, reason in sorted(contradictions.items())[:_SHOWN_FAULTS]
    )
    raise DataError(
        f"expected every photograph in one class, received {len(rows)} of {len(images)} that are in two, most of those"
        f" of {classes}:\n{shown}",
        hint="one class is a copy of another, or holds it: take it out of the data, or leave it out with data.classes",
    )


def _check_leaks(groups: Sequence[np.ndarray], splits: np.ndarray, names: Sequence[str], data: DataSection) -> None:
    leaks = [group for group in groups if len(np.unique(splits[group][splits[group] != LEFT_OUT])) > 1]
    if not leaks or data.allow_leaks:
        return
    examples = "\n".join(
        one_line("  " + " = ".join(f"{names[row]} ({SPLITS[splits[row]]})" for row in group[:3]))
        for group in leaks[:_SHOWN_FAULTS]
    )
    raise DataError(
        f"expected no photograph in two splits, received {len(leaks)} that are, so measures would be too good:\n"
        f"{examples}",
        hint="remove the copies, or accept them: --set data.allow_leaks=true",
    )


def _warnings(
    contradictions: dict[int, str],
    near: Sequence[np.ndarray],
    splits: np.ndarray,
    labels: np.ndarray,
    images: LabelledImages,
) -> list[str]:
    warnings = []
    if contradictions:
        warnings.append(
            f"{len(contradictions)} images are left out because the same photograph is in another class too"
        )
    across = sum(len(np.unique(splits[group])) > 1 for group in near)
    if across:
        warnings.append(f"{across} groups of nearly identical photographs lie across splits (see the manifest)")
    counts = np.bincount(labels, minlength=len(images.class_names))
    if counts.max() >= 10 * max(1, counts.min()):
        rare, common = images.class_names[int(counts.argmin())], images.class_names[int(counts.argmax())]
        warnings.append(
            f"class {rare!r} has {counts.min()} images, class {common!r} {counts.max()}: accuracy will hide how rare"
            " classes fare, balanced accuracy shows it; more images help, or --set training.class_balance=weights"
        )
    return warnings


def _subset(images: LabelledImages, share: float) -> LabelledImages:
    """Return that share of the images, chosen by a hash of their names, so that a larger share contains a smaller."""
    if share == 1:
        return images
    positions = [position(name.encode("utf-8", "surrogatepass"), 0) for name in images.names]
    rows = tuple(row for row, place in enumerate(positions) if place < share)
    return replace(
        images,
        names=[images.names[row] for row in rows],
        labels=[images.labels[row] for row in rows],
        splits=None if images.splits is None else [images.splits[row] for row in rows],
        signatures=None if images.signatures is None else [images.signatures[row] for row in rows],
        read=partial(read_at, images.read, rows),
    )
