"""Labels from folders: one for each class, at any depth, perhaps below a folder for each split."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from cnnforge import ImageFiles
from cnnforge.errors import DataError
from cnnforge.images import SPLIT_OF_NAME
from cnnforge_directory.classes import check_wanted
from cnnforge_directory.labelled_file import LAYOUT, LabelledFile

_LIKE_A_SPLIT = re.compile(r"(train|training|val|valid|validation|test|testing)[\W_]*\d*(\.zip)?", re.IGNORECASE)


def read_class_folders(files: ImageFiles, wanted: Sequence[str] = ()) -> list[LabelledFile]:
    """Return the images with the class and split that their folders say.

    A photograph in a folder inside a class folder belongs to the class. A single folder around everything is looked
    through. Files beside the class folders belong to no class and are not among the result.

    Args:
        files: The files.
        wanted: The classes that will be used; empty folders of others do no harm. Empty for all.

    Raises:
        DataError: There are no class folders, or a class folder is empty.
    """
    tree = _Tree(files)
    root = tree.look_through_wrappers()
    split_of_folder = _find_splits(tree, root)
    class_of_folder = {
        folder: (_last(folder), split) for above, split in split_of_folder.items() for folder in tree.folders_in[above]
    }
    check_wanted({class_name for class_name, _ in class_of_folder.values()}, wanted)
    _check_not_empty(tree, (f for f, (name, _) in class_of_folder.items() if not wanted or name in wanted))
    depth = root.count("/") + (root != "") + (split_of_folder.keys() != {root}) + 1
    return [
        LabelledFile(file.name, *class_of_folder[folder])
        for file in files.files
        if (folder := _ancestor(file.name, depth)) in class_of_folder
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

    def look_through_wrappers(self) -> str:
        """Return the first folder that holds more than one single folder of folders."""
        root = ""
        while len(self.folders_in[root]) == 1 and not self.images_in[root]:
            (only,) = self.folders_in[root]
            if not self.folders_in[only]:
                break
            root = only
        if not self.folders_in[root]:
            raise DataError(
                f"expected class folders in {self.location}, received {self.images_in[root]} images in no folder.\n"
                f"{LAYOUT}",
                hint="move them into class folders, or give their labels with data.labels=FILE.csv",
            )
        return root


def _find_splits(tree: _Tree, root: str) -> dict[str, str | None]:
    """Return the folders that hold class folders, and the split each is; None where splits are not fixed."""
    split_of = {folder: SPLIT_OF_NAME.get(_last(folder).lower()) for folder in tree.folders_in[root]}
    # A folder without images beside split folders (annotations, say) is in nobody's way.
    folders = [folder for folder, split in split_of.items() if split or tree.images_below[folder]]
    named = [split for folder in folders if (split := split_of[folder])]
    if named and len(named) == len(folders) and all(tree.folders_in[folder] for folder in folders):
        _check_unique(folders, named)
        return dict(zip(folders, named, strict=True)) if len(folders) > 1 else {folders[0]: None}
    shown = ", ".join(map(_last, folders))
    if folders and all(_LIKE_A_SPLIT.fullmatch(_last(folder)) for folder in folders):
        raise DataError(
            f"expected class folders in folders named train, validation or test, received: {shown}.\n{LAYOUT}",
            hint="sort the photographs of each into class folders, or give one of them alone with --data",
        )
    if len(named) > 1:
        raise DataError(
            f"expected split folders or class folders, received both: {shown}",
            hint="move what is no split elsewhere, or give one of the folders alone with --data",
        )
    return {root: None}


def _check_unique(folders: Sequence[str], splits: Sequence[str]) -> None:
    repeated = [split for split, count in Counter(splits).items() if count > 1]
    if repeated:
        raise DataError(
            f"expected one folder for each split, received several for {repeated[0]}: {', '.join(map(_last, folders))}"
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


def _ancestor(name: str, depth: int) -> str:
    """Return the folder ``depth`` levels down on the way to a file; an empty text if the file lies above that."""
    parts = name.split("/", depth)
    return "/".join(parts[:depth]) if len(parts) > depth else ""
