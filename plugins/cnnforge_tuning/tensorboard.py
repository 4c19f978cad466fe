"""TensorBoard logs of a study: the metrics of each trial and, for its HParams tab, the values it was given."""

from __future__ import annotations

import shutil
from typing import Any

from cnnforge.system import read_lines
from cnnforge_tuning.study import Trial
from cnnforge_tuning.study_dir import StudyDir

_NOT_METRICS = ("epoch", "seconds", "training_seconds", "waiting_seconds", "images_per_second")


def log_trial(directory: StudyDir, trial: Trial) -> None:
    """Write the log of a trial that is over: ``tensorboard --logdir STUDY/tensorboard`` shows it."""
    # Here, since it imports TensorFlow, whose start-up messages the import of Keras Tuner has caught by now.
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import api_pb2, summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    folder = directory.tensorboard / trial.id
    shutil.rmtree(folder, ignore_errors=True)  # of a trial whose end was noted twice, because of a kill between
    is_good = trial.status in ("finished", "pruned")
    end = summary.session_end_pb(api_pb2.STATUS_SUCCESS if is_good else api_pb2.STATUS_FAILURE)
    writer = EventFileWriter(str(folder))
    writer.add_event(_event(0, summary.session_start_pb(_plain(trial.settings), group_name=trial.id)))
    for line in read_lines(directory.trial(trial.id).metrics):
        values = [Summary.Value(tag=k, simple_value=v) for k, v in line.items() if k not in _NOT_METRICS]
        writer.add_event(_event(line["epoch"], Summary(value=values)))
    writer.add_event(_event(0, end))
    writer.close()


def _event(step: int, content: Any) -> Any:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    return Event(step=step, summary=Summary.FromString(content.SerializeToString()))


def _plain(values: Any) -> dict[str, Any]:
    return {name: value if isinstance(value, bool | int | float) else str(value) for name, value in values.items()}
