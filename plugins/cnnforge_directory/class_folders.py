"""Labels from folders: one for each class, at any depth, perhaps below a folder for each split."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from cnnforge import ImageFiles
from cnnforge.errors import DataError
from cnnforge.images import seen_name, split_words, splits_of_names
from cnnforge_directory.classes import check_wanted
from cnnforge_directory.labelled_file import LAYOUT, LabelledFile, classes_option

_NUMBERED_PART = re.compile(
    r"(k?folds?|splits?|subsets?|parts?|partitions?|chunks?|shards?|cv)[\W_]*\d+", re.IGNORECASE
)
_WITHOUT_LABELS = {"pred", "predict", "prediction", "unlabeled", "unlabelled", "inference", "submission"}

_Classes = dict[str, tuple[str, str | None]]
"""The class and the split of each class folder; no split where none is fixed."""


def read_class_folders(files: ImageFiles, wanted: Sequence[str] = ()) -> list[LabelledFile]:
    """Return the images with the class and split that their folders say.

    A photograph in a folder inside a class folder belongs to the class. A single folder around everything is looked
    through. Files beside the class folders belong to no class and are not among the result.

    Args:
        files: The files.
        wanted: The classes that will be used; empty folders of others do no harm. Folders of these names are classes,
            whatever they look like. Empty for all.

    Raises:
        DataError: There are no class folders, a class folder is empty, or they look like splits or copies.
    """
    tree = _Tree(files)
    classes = _find_classes(tree, tree.look_through_wrappers(), {seen_name(name) for name in wanted})
    check_wanted({name for name, _ in classes.values()}, wanted)
    _check_not_empty(tree, (folder for folder, (name, _) in classes.items() if not wanted or name in wanted))
    class_folder = {
        folder: next((above for above in _with_parents(folder) if above in classes), None) for folder in tree.images_in
    }
    return [
        LabelledFile(file.name, *classes[folder])
        for file in files.files
        if (folder := class_folder[_parent(file.name)])
    ]


class _Tree:
    """The folders, what lies directly in each, and how many images are below it."""

    def __init__(self, files: ImageFiles) -> None:
        self.location = files.location
        self.folders_in: defaultdict[str, list[str]] = defaultdict(list)
        for folder in files.folders:
            if folder:
                self.folders_in[_parent(folder)].append(folder)
        self.images_in = Counter(_parent(file.name) for file in files.files)
        self.images_below: Counter[str] = Counter()
        for folder, count in self.images_in.items():
            for above in _with_parents(folder):
                self.images_below[above] += count

    def filled(self, folder: str) -> list[str]:
        """Return the folders directly in one that have images below."""
        return [below for below in self.folders_in[folder] if self.images_below[below]]

    def look_through_copies(self, folder: str) -> str:
        """Return the innermost of folders of one name, or of none of their own: ``train/train``, ``train/images``."""
        while len(below := self.filled(folder)) == 1 and not self.images_in[folder]:
            name, inner = _class_name(folder), _class_name(below[0])
            splits, rest = split_words(inner)
            if inner != name and rest and splits.isdisjoint(split_words(name)[0]):
                break
            (folder,) = below
        return folder

    def _only_below(self, folder: str) -> str | None:
        """Return the only folder in one, or the only one with images if it is called ``images``, say, or ``train``."""
        filled = self.filled(folder)
        is_only = len(self.folders_in[folder]) == 1 or (len(filled) == 1 and not split_words(_class_name(filled[0]))[1])
        return (filled or self.folders_in[folder])[0] if is_only else None

    def look_through_wrappers(self) -> str:
        """Return the first folder that holds more than one single folder of folders."""
        root = ""
        while not self.images_in[root] and (only := self._only_below(root)) and self.folders_in[only]:
            root = only
        if not self.folders_in[root]:
            raise DataError(
                f"expected class folders in {self.location}, received {self.images_in[root]} images in no folder.\n"
                f"{LAYOUT}",
                hint="move them into class folders, or give their labels with data.labels=FILE.csv",
            )
        return root


def _find_classes(tree: _Tree, root: str, wanted: set[str]) -> _Classes:
    """Return the class folders: those in the root, or in split folders there, or around split folders."""
    folders = tree.filled(root)
    names = [_class_name(folder) for folder in folders]
    are_said = bool(wanted) and wanted <= set(names)
    if not are_said and (classes := _below_splits(tree, folders, names, wanted)):
        return classes
    if classes := _above_splits(tree, folders, names, are_said=are_said):
        return classes
    if not are_said:
        _check_no_splits(tree, folders, names)
        _check_unlike(tree, folders)
    return {folder: (_class_name(folder), None) for folder in tree.folders_in[root]}


def _below_splits(tree: _Tree, folders: Sequence[str], names: Sequence[str], wanted: set[str]) -> _Classes:
    """Return the classes in folders that are all splits, but for those of photographs that nobody labelled."""
    splits = dict(zip(folders, splits_of_names(names), strict=True))
    inner = {folder: tree.look_through_copies(folder) for folder in folders}
    found = [(folder, split) for folder, split in splits.items() if split]
    if not found or not all(splits[f] or _is_without_labels(tree, f, inner[f]) for f in folders):
        return {}
    if not all(tree.folders_in[inner[folder]] for folder, _ in found):
        return {}
    _check_unique([_last(folder) for folder, _ in found], [split for _, split in found])
    classes: _Classes = {}
    for folder, split in found:
        class_folders = tree.folders_in[inner[folder]]
        if not wanted or not wanted <= set(map(_class_name, class_folders)):
            _check_unlike(tree, class_folders)
        classes |= {below: (_class_name(below), split if len(found) > 1 else None) for below in class_folders}
    return classes


def _above_splits(tree: _Tree, folders: Sequence[str], names: Sequence[str], *, are_said: bool) -> _Classes:
    """Return the classes where each holds nothing but split folders: ``cat/train``, ``cat/test``, ``dog/train``."""
    are_classes = all(split_words(name)[1] and not _NUMBERED_PART.fullmatch(name) for name in names)
    if len(folders) < 2 or not (are_said or are_classes):  # but images and masks, or fold_0 and fold_1
        return {}
    classes: _Classes = {}
    for folder, name in zip(folders, names, strict=True):
        below = tree.filled(folder)
        splits = splits_of_names(list(map(_class_name, below)))
        hold_classes = not are_said and any(len(tree.filled(split)) > 1 for split in below)
        if hold_classes or tree.images_in[folder] or None in splits or not len(set(splits)) == len(splits) > 1:
            return {}
        classes |= {split_folder: (name, split) for split_folder, split in zip(below, splits, strict=True)}
    return classes


def _is_without_labels(tree: _Tree, folder: str, inner: str) -> bool:
    return not tree.folders_in[inner] and not _WITHOUT_LABELS.isdisjoint(split_words(_class_name(folder))[1])


def _check_no_splits(tree: _Tree, folders: Sequence[str], names: Sequence[str]) -> None:
    """Refuse folders that can hardly be classes: parts of the data that are not sorted into classes, or not all."""
    words = [split_words(name) for name in names]
    splits = frozenset[str]().union(*(found for found, _ in words))
    shown = ", ".join(names)
    hint = f"if these are classes: {classes_option(names)}"
    if words and all(found for found, _ in words) and (len(splits) > 1 or not any(rest for _, rest in words)):
        raise DataError(
            f"expected class folders in folders named train, validation or test, received: {shown}.\n{LAYOUT}",
            hint=f"sort the photographs of each into class folders, or give one of them alone with --data; {hint}",
        )
    if words and all(map(_NUMBERED_PART.fullmatch, names)):
        raise DataError(
            f"expected class folders or splits, received numbered parts: {shown}.\n{LAYOUT}",
            hint=f"move them into folders train and test, or give one of them alone with --data; {hint}",
        )
    like_splits = [folder for folder, split in zip(folders, splits_of_names(names), strict=True) if split]
    if len(like_splits) > 1 or any(len(tree.filled(folder)) > 1 for folder in like_splits):
        raise DataError(
            f"expected split folders or class folders, received both: {shown}",
            hint=f"move what is no split elsewhere, or give one of the folders alone with --data; {hint}",
        )


def _check_unlike(tree: _Tree, folders: Sequence[str]) -> None:
    """Refuse folders that look like splits or copies: they hold folders of equal names, or those of their neighbours.

    Args:
        tree: The folders.
        folders: Those that would be taken for classes.
    """
    names = [_class_name(folder) for folder in folders if tree.images_below[folder]]
    inside = {
        folder: {_class_name(below) for below in tree.filled(folder)}
        for folder in folders
        if 2 * tree.images_in[folder] < tree.images_below[folder]
    }
    for folder, below in inside.items():
        if len(copied := sorted(below & set(names) - {_class_name(folder)})) > 1:
            others = [name for name in names if name != _class_name(folder)]
            raise DataError(
                f"expected class folders, received {folder}, which looks like a copy: it holds {_some(copied)} too",
                hint=f"remove it, or leave it out: {classes_option(others)}",
            )
    counts = Counter(name for below in inside.values() for name in below)
    common = [name for name, count in sorted(counts.items()) if count > max(1, len(names) / 2)]
    if len(common) > 1:
        raise DataError(
            f"expected class folders or splits, received {_some(names)}, which hold the same folders: {_some(common)}",
            hint="if they are splits, name them train, validation and test; if they are classes:"
            f" {classes_option(names)}",
        )


def _check_unique(names: Sequence[str], splits: Sequence[str]) -> None:
    repeated = [split for split, count in Counter(splits).items() if count > 1]
    if repeated:
        raise DataError(
            f"expected one folder for each split, received several for {repeated[0]}: {', '.join(names)}",
            hint="move the photographs of both into one of them, or one of them out of the data",
        )


def _check_not_empty(tree: _Tree, folders: Iterable[str]) -> None:
    empty = [folder for folder in folders if not tree.images_below[folder]]
    if empty:
        raise DataError(
            f"expected photographs in every class folder of {tree.location}, received none in: {', '.join(empty)}",
            hint='remove the empty folder, or choose the classes to use: --set \'data.classes=["…", "…"]\'',
        )


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _with_parents(folder: str) -> Iterator[str]:
    while folder:
        yield folder
        folder = _parent(folder)


def _class_name(folder: str) -> str:
    """Return the name of a folder, or of an archive inside the archive, as people see it."""
    return seen_name(re.sub(r"\.zip$", "", _last(folder), flags=re.IGNORECASE)) or _last(folder)


def _some(names: Sequence[str], limit: int = 5) -> str:
    return ", ".join(names[:limit]) + (f", and {len(names) - limit} more" if len(names) > limit else "")
