"""tf.data service: the work of `make_dataset` in other processes, TensorFlow's own workers."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from annotools.augment import HorizontalFlip, Mosaic
from annotools.errors import OptionError
from annotools.loader import ByAspect, MultiScale, make_dataset

Flat = Callable[[Any], list[dict[str, Any]]]
OPTIONS: dict[str, Any] = {
    "split": "train",
    "image_size": (64, 64),
    "batch_size": 3,
    "augment": [Mosaic(), HorizontalFlip()],
    "seed": 1,
}
service = tf.data.experimental.service


@pytest.fixture
def dispatcher() -> Any:
    return service.DispatchServer()


def address(dispatcher: Any) -> str:
    return str(dispatcher.target).removeprefix("grpc://")


def contents(batches: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return sorted(
        (tuple(b["image_id"].tolist()), b["images"].tobytes(), b["boxes"].tobytes()) for b in batches
    )


def test_workers_make_the_batches_that_this_process_would_make(
    converted: Path, dispatcher: Any, flat: Flat
) -> None:
    """Two epochs, the last batch of each with one image; each batch comes once, in any order."""
    workers = [service.WorkerServer(service.WorkerConfig(address(dispatcher))) for _ in range(2)]
    remote = flat(make_dataset(converted, epochs=2, service=dispatcher.target, **OPTIONS))
    assert contents(remote) == contents(flat(make_dataset(converted, epochs=2, **OPTIONS)))
    del workers


@pytest.mark.parametrize(
    "changes",
    [
        {"sampling": "class-balanced"},
        {"image_size": MultiScale([(64, 64), (96, 96)])},
        {"image_size": ByAspect([(64, 96), (96, 64)]), "augment": HorizontalFlip()},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_workers_sample_and_size_as_this_process_does(
    changes: dict[str, Any], converted: Path, dispatcher: Any, flat: Flat
) -> None:
    worker = service.WorkerServer(service.WorkerConfig(address(dispatcher)))
    options = OPTIONS | changes
    remote = flat(make_dataset(converted, service=dispatcher.target, **options))
    assert contents(remote) == contents(flat(make_dataset(converted, **options)))
    del worker


@pytest.mark.parametrize(
    "address", ["localhost:5000", "grpc://localhost", "grpc://:5000", "http://localhost:1"]
)
def test_what_is_no_address_is_refused(converted: Path, address: str) -> None:
    with pytest.raises(OptionError, match="grpc://host:port"):
        make_dataset(converted, service=address, **OPTIONS)


def test_a_service_that_is_not_there_is_said_at_once(converted: Path) -> None:
    with socket.socket() as taken:  # bound and not listening: nobody else can have the port, nobody answers
        taken.bind(("localhost", 0))
        address = f"grpc://localhost:{taken.getsockname()[1]}"
        with pytest.raises(OptionError, match="no dispatcher") as caught:
            make_dataset(converted, service=address, **OPTIONS)
    assert caught.value.field == "service"
    assert caught.value.found == address


WORKER = """
import sys
import tensorflow as tf
service = tf.data.experimental.service
dispatcher, address = sys.argv[1:]
port = int(address.rpartition(":")[2])
worker = service.WorkerServer(
    service.WorkerConfig(dispatcher, worker_address=address, port=port, heartbeat_interval_ms=200)
)
print("ready", flush=True)
sys.stdin.read()
"""


def start_worker(dispatcher: Any, address_of_worker: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, address(dispatcher), address_of_worker],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def stop(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_a_killed_worker_loses_no_more_than_it_had_taken(
    converted: Path, dispatcher: Any, flat: Flat
) -> None:
    """Dynamic sharding is at-most-once (https://www.tensorflow.org/api_docs/python/tf/data/experimental/service):
    no batch comes twice or changed; lost are those that the worker was at work on when it was killed."""
    epochs = 20
    with socket.socket() as free:
        free.bind(("localhost", 0))
        place = f"localhost:{free.getsockname()[1]}"
    process = start_worker(dispatcher, place)
    worker = service.WorkerServer(service.WorkerConfig(address(dispatcher), heartbeat_interval_ms=200))
    found: list[Any] = []

    def consume() -> None:
        nonlocal process
        iterator = iter(make_dataset(converted, epochs=epochs, service=dispatcher.target, **OPTIONS))
        found.extend(next(iterator) for _ in range(8))
        stop(process)
        # TensorFlow waits for a lost worker to come back under its address
        process = start_worker(dispatcher, place)
        found.extend(iterator)

    consumer = threading.Thread(target=consume, daemon=True)
    try:
        consumer.start()
        consumer.join(timeout=150)
        assert not consumer.is_alive(), f"still waiting after {len(found)} batches"
    finally:
        stop(process)
    here = contents(flat(make_dataset(converted, epochs=epochs, **OPTIONS)))
    remote = contents(flat(found))
    assert len(here) == 6 * epochs
    assert len(remote) == len(set(remote))
    assert set(remote) <= set(here)
    assert len(remote) > len(here) / 2
    del worker
