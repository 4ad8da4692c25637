"""tf.data service: the work of `make_dataset` in other processes, TensorFlow's own workers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from annotools.augment import yolo
from annotools.loader import make_dataset

Flat = Callable[[Any], list[dict[str, Any]]]
OPTIONS: dict[str, Any] = {
    "split": "train",
    "image_size": (64, 64),
    "batch_size": 3,
    "augment": yolo(),
    "seed": 1,
}
service = tf.data.experimental.service


@pytest.fixture
def dispatcher() -> Any:
    return service.DispatchServer(service.DispatcherConfig(job_gc_check_interval_ms=50, job_gc_timeout_ms=50))


def address(dispatcher: Any) -> str:
    return str(dispatcher.target).removeprefix("grpc://")


def contents(batches: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return sorted((b["image_id"].tolist(), b["images"].tobytes(), b["boxes"].tobytes()) for b in batches)


def test_workers_make_the_batches_that_this_process_would_make(
    converted: Path, dispatcher: Any, flat: Flat
) -> None:
    """Two epochs, the last batch of each with one image; each batch comes once, in any order."""
    workers = [service.WorkerServer(service.WorkerConfig(address(dispatcher))) for _ in range(2)]
    remote = flat(make_dataset(converted, epochs=2, service=dispatcher.target, **OPTIONS))
    assert contents(remote) == contents(flat(make_dataset(converted, epochs=2, **OPTIONS)))
    del workers


WORKER = """
import sys
import tensorflow as tf
service = tf.data.experimental.service
worker = service.WorkerServer(service.WorkerConfig(sys.argv[1]))
print("ready", flush=True)
sys.stdin.read()
"""


def test_a_killed_worker_loses_no_more_than_it_had_taken(
    converted: Path, dispatcher: Any, flat: Flat
) -> None:
    """Dynamic sharding is at-most-once (https://www.tensorflow.org/api_docs/python/tf/data/experimental/service):
    no batch comes twice or changed, and those that the worker had not taken yet come from the other one."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, address(dispatcher)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        worker = service.WorkerServer(service.WorkerConfig(address(dispatcher)))
        epochs = 30
        iterator = iter(make_dataset(converted, epochs=epochs, service=dispatcher.target, **OPTIONS))
        found = [next(iterator) for _ in range(8)]
        process.kill()
        process.wait()
        found += list(iterator)
    finally:
        process.kill()
        process.wait()
        if process.stdin is not None:
            process.stdin.close()
        if process.stdout is not None:
            process.stdout.close()
    here = contents(flat(make_dataset(converted, epochs=epochs, **OPTIONS)))
    remote = contents(flat(found))
    assert len(remote) == len(set(remote))
    assert set(remote) <= set(here)
    assert len(remote) > len(here) / 2
    del worker
