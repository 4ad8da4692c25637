"""Training on two machines: MultiWorkerMirroredStrategy in a loop of one's own, here as two processes.

    python examples/multi_worker/mirrored.py [SOURCE] [--steps 10] [--short]

Worker i of n reads `shard=(i, n)` and B / n images a step; gradients are summed, losses divided by B. The
losses of every step are those of one process with batches of B, and the images of a step are its images:
the program trains both ways and compares. `model.fit` does not work under this strategy in Keras 3
(keras#20585), so this is a loop, and the net is a handful of variables.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is imported

BATCH, SIZE, RATE = 8, 96, 0.05


def train(source: str, steps: int, worker: int, workers: int) -> dict[str, Any]:
    """The loss of each step, of all workers together, and the ids of this worker's images."""
    import tensorflow as tf

    # TF_CONFIG comes before the strategy, and the strategy before everything else of TensorFlow
    strategy = tf.distribute.MultiWorkerMirroredStrategy() if workers > 1 else tf.distribute.get_strategy()

    from annotools.augment import light
    from annotools.loader import make_dataset
    from annotools.targets import SSDTargets, grid_anchors

    anchors = grid_anchors([12, 6], SIZE, [[(12, 16), (20, 20)], [(36, 36), (48, 30)]])
    targets = SSDTargets(anchors)
    mean = tf.VariableAggregation.MEAN
    with strategy.scope():
        shapes = [(5, 5, 3, 16), (3, 3, 16, 32), (3, 3, 32, 2 * 5), (3, 3, 32, 32), (3, 3, 32, 2 * 5)]
        filters = [
            tf.Variable(tf.random.stateless_normal(shape, [7, seed]) * 0.1, aggregation=mean)
            for seed, shape in enumerate(shapes)
        ]

    def net(images: Any) -> Any:
        """(B, 96, 96, 3) -> (B, A, 5): offsets and presence."""
        x = tf.nn.relu(tf.nn.conv2d(tf.cast(images, tf.float32) / 255 - 0.5, filters[0], 4, "SAME"))
        x = tf.nn.relu(tf.nn.conv2d(x, filters[1], 2, "SAME"))
        fine = tf.nn.conv2d(x, filters[2], 1, "SAME")
        coarse = tf.nn.conv2d(tf.nn.relu(tf.nn.conv2d(x, filters[3], 2, "SAME")), filters[4], 1, "SAME")
        count = tf.shape(images)[0]
        return tf.concat([tf.reshape(part, [count, -1, 5]) for part in (fine, coarse)], 1)

    def read(context: Any = None) -> Any:
        ds = make_dataset(
            source,
            split="train",
            image_size=SIZE,
            batch_size=BATCH // workers,
            augment=light(),
            epochs=None,
            shard=(worker, workers),
            drop_remainder=True,
        )
        return ds.map(lambda batch: (*targets(batch), batch["image_id"]))

    def replica_step(images: Any, wanted: Any, _: Any) -> Any:
        is_object = tf.cast(wanted["labels"] >= 0, tf.float32)
        with tf.GradientTape() as tape:
            found = net(images)
            presence = tf.nn.sigmoid_cross_entropy_with_logits(is_object, found[..., 4])
            place = tf.reduce_sum(tf.abs(wanted["boxes"] - found[..., :4]), -1) * is_object
            loss = tf.reduce_sum(presence + 0.1 * place) / (BATCH * len(anchors))
        gradients = tape.gradient(loss, filters)
        context = tf.distribute.get_replica_context()
        for variable, gradient in zip(filters, context.all_reduce("sum", gradients), strict=True):
            variable.assign_sub(RATE * gradient)
        return loss

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def step(*batch: Any) -> Any:
        return strategy.reduce("sum", strategy.run(replica_step, batch), axis=None)

    batches = iter(strategy.distribute_datasets_from_function(read) if workers > 1 else read())
    losses, ids = [], []
    for _ in range(steps):
        batch = next(batches)
        losses.append(float(step(*batch)))
        names = strategy.experimental_local_results(batch[2])[0].numpy()
        ids.append([name.decode() for name in names])
    return {"losses": losses, "ids": ids}


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("localhost", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


def run_workers(source: str, steps: int, folder: Path) -> list[dict[str, Any]]:
    addresses = [f"localhost:{port}" for port in free_ports(2)]
    processes = []
    for index in range(2):
        config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        command = [sys.executable, __file__, source, "--steps", str(steps), "--worker", str(index)]
        command += ["--result", str(folder / f"{index}.json")]
        processes.append(subprocess.Popen(command, env=os.environ | {"TF_CONFIG": json.dumps(config)}))
    codes = [process.wait() for process in processes]
    if any(codes):
        raise SystemExit("a worker failed")
    return [json.loads((folder / f"{index}.json").read_text()) for index in range(2)]


def main() -> None:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("source", nargs="?", default="demo_output/tfrecord", help="an output of convert")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--short", action="store_true", help="two steps")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--result", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    steps = 2 if options.short else options.steps
    if options.worker is not None:
        options.result.write_text(json.dumps(train(options.source, steps, options.worker, 2)))
        return
    with tempfile.TemporaryDirectory() as folder:
        parts = run_workers(options.source, steps, Path(folder))
    alone = train(options.source, steps, 0, 1)
    for number in range(steps):
        loss = alone["losses"][number]
        apart = max(abs(part["losses"][number] - loss) for part in parts)
        pairs = zip(*(part["ids"][number] for part in parts), strict=True)
        names = [name for pair in pairs for name in pair]
        print(f"step {number}: loss {loss:.5f}, {apart:.1e} from two workers")
        if apart > 1e-5 or names != alone["ids"][number]:
            raise SystemExit(f"two workers and one process differ: {names}, {alone['ids'][number]}")
    print("two workers trained as one process does")


if __name__ == "__main__":
    main()
