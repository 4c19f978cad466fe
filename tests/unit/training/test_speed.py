"""The speed of a run is that of the phase that took the time."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from cnnforge.training.callbacks import MetricsLog


def line(number: int, seconds: float, rate: float) -> dict[str, float]:
    return {"epoch": number, "training_seconds": seconds, "waiting_seconds": 0.1 * seconds, "images_per_second": rate}


FROZEN = [line(n, 0.1, 7820.0) for n in range(1, 16)]
TUNED = [line(n, 45.0, rate) for n, rate in ((16, 16.0), (17, 18.0), (18, 20.0))]
PHASES = [SimpleNamespace(first_epoch=0, last_epoch=15), SimpleNamespace(first_epoch=15, last_epoch=18)]


@pytest.mark.parametrize(
    ("history", "rate", "which"),
    [
        ([*FROZEN, *TUNED], 18.0, "epochs 16 to 18"),
        ([*(line(n, 9.0, 80.0) for n in range(1, 16)), line(16, 1.0, 700.0)], 80.0, "epochs 1 to 15"),
        (FROZEN, 7820.0, None),
        ([*FROZEN[:4], *TUNED[:1]], 16.0, "epochs 16 to 16"),  # the first phase was stopped early
    ],
)
def test_the_speed_is_of_the_phase_that_took_longest(history: list, rate: float, which: str | None) -> None:
    log = MetricsLog(Path("metrics.jsonl"))
    log.history = history
    summary = log.summary(PHASES)
    assert (summary["images_per_second"], summary.get("speed_phase")) == (rate, which)
    assert summary["waiting_share"] == pytest.approx(0.1)
