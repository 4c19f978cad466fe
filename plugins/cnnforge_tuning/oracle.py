"""Keras Tuner's oracles by ask and tell.

What an oracle proposes depends on the seed, the number of the trial and what it was told before, and on nothing else:
its random state is set anew before every question. So an oracle that is rebuilt from a journal goes on as if it had
never stopped. Keras Tuner writes its own files meanwhile, for people who open a study with its API; they are never
read here.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import threadpoolctl

from cnnforge.errors import CnnforgeError, PluginError, StorageError
from cnnforge.host import Choice, Entry, FloatRange, IntRange, SearchAlgorithmSpec, import_deferred
from cnnforge.system import captured_stderr, files
from cnnforge_tuning.objective import Objective
from cnnforge_tuning.space import Hyperparameter, Values, completed, defaults, is_inside

_COLLISIONS = 1000  # draws of a configuration already tried before a space counts as exhausted
_SEED_STRIDE = 10_000  # Keras Tuner adds 1 to its seed for every number it draws
ROUND = "tuner/"
"""How names begin that an algorithm with rounds adds to the values of a trial."""


class Oracle:
    """Proposes the values of trials and learns from what came of them.

    Args:
        algorithm: The search algorithm, and the plugin that brings it.
        objective: What is optimised.
        space: The hyperparameters.
        seed: Of the algorithm's choices.
        epochs: Of a whole training, which an algorithm with rounds divides.
        folder: Where Keras Tuner writes its own files.

    Raises:
        PluginError: The algorithm's function fails or returns no oracle.
    """

    def __init__(
        self,
        algorithm: Entry[SearchAlgorithmSpec],
        objective: Objective,
        space: Sequence[Hyperparameter],
        *,
        seed: int,
        epochs: int,
        folder: Path,
    ) -> None:
        keras_tuner = import_keras_tuner()
        self._space = space
        self._objective = objective
        self._seed = seed
        self._spec = algorithm.spec
        self._owner = f"search algorithm {algorithm.spec.name!r} of plugin {algorithm.plugin}"
        function = import_deferred(self._spec.oracle, self._owner)
        wanted = keras_tuner.Objective(objective.name, objective.direction)
        hyperparameters = _hyperparameters(keras_tuner, space)
        with self._blamed():
            self._oracle = function(
                objective=wanted,
                hyperparameters=hyperparameters,
                seed=seed + 1,  # Keras Tuner takes 0 for no seed
                epochs=epochs,
            )
        if not isinstance(self._oracle, keras_tuner.Oracle):
            raise PluginError(
                f"{self._owner}: expected {self._spec.oracle} to return a keras_tuner.Oracle, received"
                f" {type(self._oracle).__name__}"
            )
        self._oracle.max_trials = None  # numbers of trials are written alike then, however many there are to be
        self._oracle.max_consecutive_failed_trials = 10**9  # failures are the study's business
        self._oracle.allow_new_entries = self._oracle.tune_new_entries = False
        self._oracle.verbose = 0
        self._oracle._max_collisions = _COLLISIONS  # noqa: SLF001
        self._oracle._set_project_dir(str(folder.parent), folder.name)  # noqa: SLF001
        files.write_json(folder / "tuner0.json", {})  # without it a Tuner opens no folder, and says nothing

    def ask(self, worker: str) -> tuple[str, Values | None]:
        """Return the state ``"RUNNING"``, ``"IDLE"`` (wait) or ``"STOPPED"``, and the values of a new trial."""
        number = len(self._oracle.trials)
        own = completed(self._space, defaults(self._space))
        # The recipe's own configuration comes first, so that everything is compared with it.
        if number == 0 and self._spec.accepts_trials and is_inside(self._space, own):
            return self._create(worker, own)
        return self._create(worker)

    def repeat(self, worker: str, values: Values) -> None:
        """Ask again what was asked before, whose answer is known."""
        self._create(worker, values)

    def tell(self, worker: str, values: Sequence[float]) -> None:
        """Say what came of a worker's trial: the objective of each of its epochs; none if it failed."""
        finite = [value for value in values if np.isfinite(value)]
        # A round waits for every trial of it: one that failed has to come last, not to be missing.
        known = finite or ([] if self._spec.rounds is None else [self._objective.worst])
        with _quiet(), self._blamed():
            trial = self._oracle.ongoing_trials[worker]
            for epoch, value in enumerate(known, start=1):
                self._oracle.update_trial(trial.trial_id, {self._objective.name: value}, step=epoch)
            trial.status = "COMPLETED" if known else "FAILED"
            self._oracle.end_trial(trial)

    def _create(self, worker: str, known: Values | None = None) -> tuple[str, Values | None]:
        number = len(self._oracle.trials)
        self._oracle._seed_state = self._seed + _SEED_STRIDE * (number + 1)  # noqa: SLF001
        self._oracle._random_state = np.random.RandomState([self._seed, number])  # noqa: SLF001
        original = self._oracle.populate_space
        if known is not None:
            self._oracle.populate_space = lambda trial_id: self._known(original, trial_id, known)
        try:
            with _quiet(), self._blamed():
                trial = self._oracle.create_trial(worker)
        finally:
            self._oracle.populate_space = original
        values = trial.hyperparameters.values
        return trial.status, _decoded(self._space, values) if trial.status == "RUNNING" else None

    def _known(self, original: Any, trial_id: str, values: Values) -> dict[str, Any]:
        """Return a known answer, having let those oracles that keep books of their questions write them."""
        encoded = {h.name: _encoded(h.space, values[h.name]) for h in self._space if h.name in values}
        if not self._spec.accepts_trials:
            proposed = original(trial_id).get("values") or {}
            if {name: proposed.get(name) for name in encoded} != encoded:
                raise StorageError(
                    f"trial {trial_id} of the journal is not what {self._spec.name} proposes: {proposed}",
                    hint="another version of it, or of Keras Tuner, made it; --fork starts a new study",
                )
            return {"status": "RUNNING", "values": proposed}
        return {"status": "RUNNING", "values": encoded}

    @contextmanager
    def _blamed(self) -> Iterator[None]:
        """Name the algorithm and its plugin when its code fails."""
        try:
            yield
        except CnnforgeError:
            raise
        except Exception as error:
            raise PluginError(f"{self._owner}: {type(error).__name__}: {error}") from error


def import_keras_tuner() -> Any:
    """Import Keras Tuner with what it needs and does not ask for.

    Raises:
        CnnforgeError: A package is missing.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        with captured_stderr():
            import keras_tuner
            import sklearn.gaussian_process  # noqa: F401
            from tensorboard.plugins.hparams import api  # noqa: F401 - Keras Tuner's own Tuner needs it in every trial
    except ImportError as error:
        raise CnnforgeError(
            f"the search needs a package that is not installed: {error}", hint=f"pip install {_package(error)}"
        ) from error
    return keras_tuner


def _package(error: ImportError) -> str:
    module = (error.name or "").partition(".")[0]
    return {"sklearn": "scikit-learn", "keras_tuner": "keras-tuner"}.get(module, module or "keras-tuner")


def _hyperparameters(keras_tuner: Any, space: Sequence[Hyperparameter]) -> Any:
    found, spaces = keras_tuner.HyperParameters(), {h.name: h.space for h in space}
    for hyperparameter in space:
        with ExitStack() as scopes:
            for condition in hyperparameter.when:
                values = [_encoded(spaces[condition.name], value) for value in condition.values]
                scopes.enter_context(found.conditional_scope(condition.name, values))
            _add(found, hyperparameter)
    return found


def _add(found: Any, hyperparameter: Hyperparameter) -> None:
    name, space, default = hyperparameter.name, hyperparameter.space, hyperparameter.default
    known = {"default": _encoded(space, default)} if space.contains(default) else {}
    if isinstance(space, IntRange | FloatRange):
        sampling: dict[str, Any] = {"sampling": "log"} if space.log else {"step": space.step}
    if isinstance(space, Choice):
        found.Choice(name, [_encoded(space, value) for value in space.values], ordered=_is_numeric(space), **known)
    elif isinstance(space, IntRange):
        found.Int(name, space.low, space.high, **sampling, **known)
    elif isinstance(space, FloatRange):
        found.Float(name, space.low, space.high, **sampling, **known)


def _encoded(space: Any, value: Any) -> Any:
    """Return a value as Keras Tuner takes it: choices that are not numbers alone or texts alone become JSON."""
    if not isinstance(space, Choice) or _is_numeric(space) or all(isinstance(v, str) for v in space.values):
        return value
    return json.dumps(value)


def _decoded(space: Sequence[Hyperparameter], values: Values) -> dict[str, Any]:
    found = {name: value for name, value in values.items() if name.startswith(ROUND)}
    for h in space:
        if h.name not in values or not h.counts(found):  # an oracle may propose what does not count as well
            continue
        value = values[h.name]
        options = {str(_encoded(h.space, v)): v for v in h.space.values} if isinstance(h.space, Choice) else {}
        found[h.name] = options.get(str(value), value)
    return found


def _is_numeric(space: Choice) -> bool:
    return len({type(v) for v in space.values}) == 1 and isinstance(space.values[0], int | float | bool)


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras Tuner calls what Python has deprecated; scikit-learn warns of fits
        # Its matrices are tiny: with threads a proposal took 20 s beside busy workers on two cores, without them 1.5 s.
        with threadpoolctl.threadpool_limits(1):
            yield
