"""Batches made by other processes: a tf.data service with a dispatcher and two workers, on this machine.

    python examples/multi_worker/service.py [SOURCE] [--short]

Workers need TensorFlow and the same paths, not annotools: they get the graph of the pipeline. What they
deliver are the batches that this process would have made, in the order in which they are ready; targets
and `fit` follow behind. On a cluster, start `DispatchServer` and `WorkerServer` on its machines and pass
the dispatcher's address.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
from collections import Counter
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is imported

import tensorflow as tf

from annotools.augment import ssd
from annotools.loader import make_dataset
from annotools.targets import SSD300_VOC, SSDTargets

WORKER = """
import sys
import tensorflow as tf
service = tf.data.experimental.service
worker = service.WorkerServer(service.WorkerConfig(sys.argv[1]))
print("ready", flush=True)
sys.stdin.read()
"""


def digests(ds: tf.data.Dataset) -> Counter[str]:
    """What is in the batches, whatever their order."""
    return Counter(
        hashlib.sha256(images.numpy().tobytes() + wanted["boxes"].numpy().tobytes()).hexdigest()
        for images, wanted in ds
    )


def main() -> None:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("source", nargs="?", default="demo_output/tfrecord", help="an output of convert")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--short", action="store_true", help="one epoch")
    options = parser.parse_args()
    epochs = 1 if options.short else options.epochs
    dispatcher = tf.data.experimental.service.DispatchServer()
    command = [sys.executable, "-c", WORKER, str(dispatcher.target).removeprefix("grpc://")]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    workers = [subprocess.Popen(command, **pipes) for _ in range(2)]
    targets = SSDTargets(SSD300_VOC)
    arguments: dict[str, Any] = {
        "split": "train",
        "image_size": 300,
        "batch_size": 4,
        "augment": ssd(),
        "epochs": epochs,
    }
    try:
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
        remote = digests(make_dataset(options.source, service=dispatcher.target, **arguments).map(targets))
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()
    local = digests(make_dataset(options.source, **arguments).map(targets))
    equal = sum((remote & local).values())
    print(f"{sum(remote.values())} batches from two workers, {equal} of them equal to our own")
    if remote != local:
        raise SystemExit("the batches differ")


if __name__ == "__main__":
    main()
