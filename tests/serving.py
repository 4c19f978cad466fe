"""A small trained run, and a server of it in this process, for the tests of `cnnforge serve`."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np

from cnnforge.data.decoding import decode
from cnnforge.host.kinds import ExplainerSpec
from cnnforge.host.plugin_host import PluginHost
from cnnforge.host.registry import Entry, Registry
from cnnforge.recipe.loading import load_recipe
from cnnforge.recipe.resolving import resolve
from cnnforge.running.run_dir import RunDir
from cnnforge.running.trained_run import TrainedRun, load_trained_run
from cnnforge_export.testing import untrained_run
from cnnforge_serve.app import create_app
from cnnforge_serve.hosts import Hosts
from cnnforge_serve.limits import Limits
from cnnforge_serve.server import Server, listen
from cnnforge_serve.service import Service

SETTINGS = ("data.image_size=[32, 32]", "architecture.filters=[4, 8]", "architecture.dense_units=8")


def built_in() -> Registry:
    return Registry(PluginHost.discover({"CNNFORGE_LOAD_PLUGINS": ""}))


def make_run(folder: Path, class_names: tuple[str, ...] = ("cat", "dog")) -> RunDir:
    """Make the run directory of a network with random weights."""
    return untrained_run(resolve(load_recipe("catsdogs", built_in(), list(SETTINGS)), built_in()), folder, class_names)


def load_run(directory: RunDir) -> TrainedRun:
    return load_trained_run(directory, built_in())


def make_service(trained: TrainedRun, limits: Limits | None = None) -> Service:
    """Return the service that ``cnnforge serve`` starts."""
    return Service(trained, limits or Limits(), explainer=grad_cam())


def grad_cam() -> Entry[ExplainerSpec]:
    return built_in().catalogue(ExplainerSpec).get("grad_cam")


def expected(trained: TrainedRun, content: bytes) -> dict[str, float]:
    """The probabilities of an image, asked for without a server."""
    pixels = decode(content, trained.decoding).pixels
    row = trained.predictor()(pixels[np.newaxis])[0]
    return {name: float(f"{p:.9g}") for name, p in zip(trained.class_names, row, strict=True)}


class Gate:
    """A network that computes only while it is open, and fails as often as asked to."""

    def __init__(self, trained: TrainedRun) -> None:
        self._predictor = trained.predictor()
        self.is_open = threading.Event()
        self.is_open.set()
        self.num_failures = 0
        self.batches: list[int] = []

    def __call__(self, images: np.ndarray) -> np.ndarray:
        self.batches.append(len(images))
        assert self.is_open.wait(30)
        if self.num_failures:
            self.num_failures -= 1
            raise MemoryError("no memory for the network")
        return self._predictor(images)


class GatedService(Service):
    """A service whose network is a gate; ``start_gate`` holds back the start of the network in the same way."""

    def __init__(self, trained: TrainedRun, limits: Limits, **options: int) -> None:
        super().__init__(trained, limits, explainer=grad_cam(), **options)
        self.gate = Gate(trained)
        self.start_gate = threading.Event()
        self.start_gate.set()

    def _warm_predictor(self) -> Gate:
        assert self.start_gate.wait(30)
        return self.gate


@dataclasses.dataclass(frozen=True)
class Running:
    service: Service
    port: int
    client: httpx.Client

    def predict(self, content: bytes, **headers: str) -> httpx.Response:
        return self.client.post("/predict", content=content, headers=headers)

    def connect(self) -> socket.socket:
        """A connection to write any bytes to."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)


@contextlib.contextmanager
def running(
    service: Service, token: str | None = None, hosts: Hosts | None = None, trusted_proxies: tuple[str, ...] = ()
) -> Iterator[Running]:
    """A server in a thread of this process, at a port that is free."""
    listening = listen("127.0.0.1", 0)
    port = listening.getsockname()[1]
    has_started = threading.Event()
    server = Server(create_app(service, token, hosts), service, has_started.set, trusted_proxies)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        assert has_started.wait(60)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, headers=headers) as client:
            yield Running(service, port, client)
    finally:
        server.should_exit = True
        thread.join(60)
        listening.close()


def wait_until(condition: Callable[[], bool], *, seconds: float = 30) -> None:
    """Wait for something that another thread does, and fail if it never does."""
    done = threading.Event()
    for _ in range(int(seconds / 0.01)):
        if condition():
            return
        done.wait(0.01)
    raise AssertionError("it did not happen")
