"""The logs, read back with TensorBoard's own reader."""

from __future__ import annotations

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata

from cnnforge_tuning.search import Search
from tests.unit.tuning.conftest import FakeExecutor, Silent, make_study


def test_tensorboard_reads_the_metrics_and_the_values_of_a_trial(tmp_path):
    study = make_study(tmp_path / "s", "tuning.trials=2", "tuning.algorithm=random")
    Search(study, FakeExecutor(lambda _: [0.5, 0.75]).workers, Silent(), float("inf")).run()
    log = EventAccumulator(str(study.directory.tensorboard / "0001"))
    log.Reload()
    assert [(event.step, event.value) for event in log.Scalars("val_accuracy")] == [(1, 0.5), (2, 0.75)]
    content = log.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
    start = metadata.parse_session_start_info_plugin_data(content)
    values = {name: value.number_value for name, value in start.hparams.items()}
    assert values == dict(study.trials["0001"].settings)
