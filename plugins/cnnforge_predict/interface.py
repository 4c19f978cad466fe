"""What a network sees in images, as Python users have it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnforge.errors import DataError, RecipeError
from cnnforge.evaluation import answer, rank
from cnnforge_predict.given import Images, given

if TYPE_CHECKING:
    import pandas as pd

    import cnnforge

_SHOWN = 20


@dataclass(frozen=True)
class Predictions:
    """The probabilities of all classes for images.

    Args:
        names: One for each image: its path, or ``image 0`` and so on.
        probabilities: Shape (images, classes), float32; NaN for an image that cannot be read.
        class_names: The classes, in the order of the columns.
        errors: Why an image cannot be read, by its name.
        notes: What had to be assumed of arrays.
    """

    names: Sequence[str]
    probabilities: np.ndarray
    class_names: Sequence[str]
    errors: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()

    @property
    def labels(self) -> list[str]:
        """The most probable class of each image; empty for one that cannot be read."""
        return [ranked[0][0] if ranked else "" for ranked in self._ranked()]

    def to_dicts(self, top: int | None = None) -> list[dict[str, Any]]:
        """Return what ``cnnforge predict --json`` prints, the ``top`` most probable classes of each or all."""
        rows = zip(self.names, self._ranked(), strict=True)
        return [answer(name, r, top) if r else {"name": name, "error": self.errors[name]} for name, r in rows]

    def to_frame(self) -> pd.DataFrame:
        """Return a table with the columns name, label, and one for each class.

        Raises:
            RecipeError: Pandas is not installed.
        """
        try:
            import pandas as pd
        except ModuleNotFoundError as error:
            raise RecipeError(
                "expected the package pandas, which is not installed", hint="pip install pandas"
            ) from error
        probabilities = pd.DataFrame(self.probabilities, columns=list(self.class_names))
        return pd.concat([pd.DataFrame({"name": list(self.names), "label": self.labels}), probabilities], axis=1)

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        lines = [f"{label or '-':12} {text:>7}  {name}" for name, label, text in self._rows()]
        more = [f"… and {len(self) - _SHOWN} more"] if len(self) > _SHOWN else []
        return "\n".join([*lines, *more, *(f"! {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{escape(label)}</td><td>{text}</td></tr>"
            for name, label, text in self._rows()
        )
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        return f"<table><tr><th>image</th><th>class</th><th>probability</th></tr>{rows}</table>{notes}"

    def _ranked(self) -> Iterator[Sequence[tuple[str, float]]]:
        return (rank(None if np.isnan(row).any() else row, self.class_names) for row in self.probabilities)

    def _rows(self) -> Iterator[tuple[str, str, str]]:
        for name, ranked in itertools.islice(zip(self.names, self._ranked(), strict=True), _SHOWN):
            yield (name, *(ranked[0][0], f"{ranked[0][1]:.1%}")) if ranked else (name, "", self.errors.get(name, ""))


def predict(run: cnnforge.Run, images: Images) -> Predictions:
    """Return what the network of a run sees in images.

    Args:
        run: A trained run.
        images: One or many.

    Raises:
        DataError: None of them is an image that can be read.
    """
    from cnnforge.running import predict_images

    trained, notes = run.trained, list[str]()
    predictions = list(predict_images(given(images, notes), trained))
    errors = {item.name: item.reason for item in predictions if item.probabilities is None}
    if len(errors) == len(predictions):
        reasons = "; ".join(f"{name}: {reason}" for name, reason in list(errors.items())[:5])
        raise DataError(f"expected images that can be read, received none{reasons and f': {reasons}'}")
    missing = np.full(len(trained.class_names), np.nan, np.float32)
    rows = [missing if item.probabilities is None else item.probabilities for item in predictions]
    names = [item.name for item in predictions]
    return Predictions(names, np.stack(rows), trained.class_names, errors, tuple(dict.fromkeys(notes)))
