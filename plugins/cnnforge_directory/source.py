"""The data source ``directory``: class folders, or a CSV of labels, in a folder or a zip archive."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from cnnforge import ImageFiles, LabelledImages, LeftOut, open_files
from cnnforge.errors import DataError
from cnnforge_directory import DirectoryOptions
from cnnforge_directory.class_folders import read_class_folders
from cnnforge_directory.classes import choose_classes
from cnnforge_directory.label_file import read_label_file
from cnnforge_directory.labelled_file import LAYOUT, LabelledFile


def open_source(options: DirectoryOptions) -> LabelledImages:
    """Return the labelled images of a folder or archive.

    Raises:
        DataError: There is no path, no image, a class is empty, the classes of two splits differ, or the
            label file does not fit the images.
    """
    if options.path is None:
        raise DataError(
            "expected a folder or zip archive of photographs, received no path",
            hint="give it with --data PATH",
        )
    files = open_files(options.path, follow_links=options.follow_links)
    if not files.files:
        raise _no_images(files)
    labelled = (
        read_class_folders(files, options.classes)
        if options.labels is None
        else read_label_file(options.labels.expanduser(), files)
    )
    class_names = choose_classes(labelled, options.classes, is_binary=options.class_mode == "binary")
    return _labelled_images(files, labelled, class_names)


def _labelled_images(files: ImageFiles, labelled: Sequence[LabelledFile], class_names: Sequence[str]) -> LabelledImages:
    label_of = {name: label for label, name in enumerate(class_names)}
    chosen = [item for item in labelled if item.class_name in label_of]
    known = {item.name for item in labelled}
    unlabelled = [LeftOut(f.name, "belongs to no class", is_fault=False) for f in files.files if f.name not in known]
    signature_of = {file.name: file.signature for file in files.files}
    names = [item.name for item in chosen]
    return LabelledImages(
        class_names=class_names,
        names=names,
        labels=[label_of[item.class_name] for item in chosen],
        splits=[item.split for item in chosen if item.split] or None,
        signatures=[signature_of[name] for name in names],
        read=files.reader(names),
        left_out=(*files.left_out, *unlabelled),
        location=files.location,
    )


def _no_images(files: ImageFiles) -> DataError:
    reasons = Counter(left.reason for left in files.left_out).most_common(3)
    found = "; ".join(f"{count} × {reason}" for reason, count in reasons) or "nothing"
    hints = {
        "symbolic link": "follow symbolic links with --set data.follow_links=true",
        "an archive inside": "unpack the archives, each into a folder, or pack them all into one zip archive",
    }
    hint = next((hint for word, hint in hints.items() if any(word in left.reason for left in files.left_out)), None)
    return DataError(
        f"expected photographs in {files.location}, received none (found: {found}).\n{LAYOUT}",
        hint=hint,
    )
