"""One small trained run for all tests of the server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cnnforge.running.trained_run import TrainedRun
from tests.serving import Running, load_run, make_run, make_service, running


@pytest.fixture(scope="package")
def trained(tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    return load_run(make_run(tmp_path_factory.mktemp("serve")))


@pytest.fixture(scope="package")
def server(trained: TrainedRun) -> Iterator[Running]:
    """A server with the default limits, shared by the tests that leave it as it is."""
    with running(make_service(trained)) as found:
        yield found
