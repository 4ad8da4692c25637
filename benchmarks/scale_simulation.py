"""What a conversion of 10^7 to 10^9 images would take on a cluster: a simulation with measured costs.

    python benchmarks/scale_simulation.py [--workers 1,100,1000] [--images 1e7,1e8,1e9] ...

The costs of an image and of a shard are those that benchmarks/scale.py measures; what a network storage and
a cluster do is assumed, and an argument. Simulated, event by event: the list and the plan on one machine;
shards that workers take from a queue, of the sizes that a hash gives them; a storage whose bandwidth they
share; workers that die (exponentially distributed) and cost the shard that they have; the renames at the end.
Nothing is drawn from anything but `--seed`.
"""

from __future__ import annotations

import argparse
import heapq
import math
import random
from dataclasses import dataclass

from measure import table


@dataclass(frozen=True)
class Costs:
    """Seconds and bytes; see the arguments for where they come from."""

    image: float
    plan: float
    listing: float
    shard: float
    rename: float
    renames_at_once: int
    image_bytes: int
    shard_bytes: int
    plan_bytes: int
    bandwidth: float
    hours_between_deaths: float


@dataclass(frozen=True)
class Outcome:
    shards: int
    listing: float
    plan: float
    work: float
    publish: float
    lost: float
    deaths: int
    plan_bytes: float

    @property
    def total(self) -> float:
        return self.listing + self.plan + self.work + self.publish


def simulate(images: int, workers: int, costs: Costs, draws: random.Random) -> Outcome:
    shards = 1 << max(0, math.ceil(math.log2(images * costs.image_bytes / costs.shard_bytes)))
    mean = images / shards
    # the number of images in a hash range is binomial, for practical purposes normal
    queue = [max(1.0, draws.gauss(mean, math.sqrt(mean))) for _ in range(shards)]
    busy = min(workers, shards)
    share = costs.bandwidth / busy
    transfer = 2 * costs.image_bytes / share  # once in, once out
    rate = max(costs.image, transfer)
    free = [(0.0, number) for number in range(busy)]
    heapq.heapify(free)
    end = lost = 0.0
    deaths = 0
    while queue:
        length = queue.pop() * rate + costs.shard
        now, number = heapq.heappop(free)
        survives = draws.expovariate(1 / (costs.hours_between_deaths * 3600))
        if survives < length:
            deaths += 1
            lost += survives
            queue.insert(0, (length - costs.shard) / rate)
            heapq.heappush(free, (now + survives, number))
            continue
        end = max(end, now + length)
        heapq.heappush(free, (now + length, number))
    renames = 3 * shards  # the shard, its index, its journal entry
    publish = renames * costs.rename / costs.renames_at_once
    plan_bytes = float(images * costs.plan_bytes)
    return Outcome(
        shards, images * costs.listing, images * costs.plan, end, publish, lost, deaths, plan_bytes
    )


def hours(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--images", default="1e7,1e8,1e9")
    parser.add_argument("--workers", default="2,100,1000")
    parser.add_argument("--seed", type=int, default=0)
    measured = parser.add_argument_group("measured (benchmarks/scale.py)")
    measured.add_argument("--image-us", type=float, default=260.0, help="of one process, 44 kB an image")
    measured.add_argument("--plan-us", type=float, default=30.0)
    measured.add_argument("--plan-bytes", type=int, default=110, help="of the plan file for an image")
    measured.add_argument("--shard-ms", type=float, default=60.0, help="start, sync and journal of a shard")
    assumed = parser.add_argument_group("assumed")
    assumed.add_argument("--image-bytes", type=int, default=44_000)
    assumed.add_argument("--shard-size", type=int, default=256 << 20)
    assumed.add_argument(
        "--listing-us", type=float, default=100.0, help="an image: two names of 1,000 a page"
    )
    assumed.add_argument("--rename-ms", type=float, default=60.0, help="copy and delete in an object store")
    assumed.add_argument("--renames-at-once", type=int, default=16)
    assumed.add_argument("--gigabytes-per-second", type=float, default=10.0, help="of the storage, in all")
    assumed.add_argument("--hours-between-deaths", type=float, default=24.0, help="of one worker")
    args = parser.parse_args()
    costs = Costs(
        args.image_us / 1e6,
        args.plan_us / 1e6,
        args.listing_us / 1e6,
        args.shard_ms / 1e3,
        args.rename_ms / 1e3,
        args.renames_at_once,
        args.image_bytes,
        args.shard_size,
        args.plan_bytes,
        args.gigabytes_per_second * 1e9,
        args.hours_between_deaths,
    )
    rows = []
    for images in [int(float(n)) for n in args.images.split(",")]:
        for workers in [int(n) for n in args.workers.split(",")]:
            done = simulate(images, workers, costs, random.Random(args.seed))
            rows.append(
                [f"{images:.0e}", f"{workers:,}", f"{done.shards:,}"]
                + [hours(s) for s in (done.listing, done.plan, done.work, done.publish, done.total)]
                + [f"{done.deaths}", f"{done.lost / max(done.work * workers, 1e-9):.1%}"]
                + [f"{done.plan_bytes / 1e9:.1f}"]
            )
    header = ["images", "workers", "shards", "list", "plan", "shards done", "renames", "in all"]
    print(table([*header, "deaths", "lost work", "plan GB"], rows))


if __name__ == "__main__":
    main()
