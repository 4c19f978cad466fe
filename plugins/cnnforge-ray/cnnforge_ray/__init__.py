"""The executor ``ray``: the trials of ``cnnforge tune`` on a Ray cluster, or on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import cnnforge
from cnnforge import Field


class RayOptions(cnnforge.Options):
    """Options of ``ray``."""

    workers: Annotated[int, Field(ge=1, le=10_000, description="trials at a time")] = 1
    address: Annotated[
        str | None, Field(description="of a cluster to join, 'auto' or host:port; not set: Ray is started here")
    ] = None
    cpus: Annotated[
        float | None, Field(gt=0, description="cores of a trial; not set: a share of the cluster's for each worker")
    ] = None
    gpus: Annotated[
        float | None, Field(ge=0, description="GPUs of a trial, or a part of one; not set: 1 where there are any")
    ] = None


EXECUTOR = cnnforge.ExecutorSpec(
    name="ray",
    summary="Processes on the machines of a Ray cluster, or on this one",
    start="cnnforge_ray.executor:start",
    options=RayOptions,
)


@cnnforge.hookimpl
def cnnforge_executors() -> Iterator[cnnforge.ExecutorSpec]:
    """Bring the executor."""
    yield EXECUTOR
