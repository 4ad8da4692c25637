"""What it costs to make a record: a plain frozen dataclass beside `annotools.records.record`.

    python benchmarks/records.py [--number 20000] [--runs 9]

The fields are those of annotools.records.Object, once under `dataclass(frozen=True, slots=True)`, once under
`record`, also by its `maker`, and once under `dataclass(slots=True)`, which is not frozen and therefore the
least. A tuple shows what 16 values cost at all.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable

from measure import Run, alternate, function, median, median_ratio, table

from annotools.records import Box, Object, maker

Make = Callable[..., object]
BOX = Box(48.0, 240.0, 195.0, 371.0)
VALUES = ("dog", BOX, "Left", False, False, None, (), (), None, (), None, None, (), (), 14, 19)


def plain_dataclass(*, frozen: bool) -> Make:
    fields = [
        (field.name, field.type, dataclasses.field(default=field.default, compare=field.compare))
        for field in dataclasses.fields(Object)
    ]
    return dataclasses.make_dataclass("Plain", fields, frozen=frozen, slots=True)


def making(make: Make, number: int) -> Callable[[], Run]:
    def work() -> None:
        for _ in range(number):
            make(*VALUES)

    return lambda: function(work)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--number", type=int, default=20_000, help="records in a run")
    parser.add_argument("--runs", type=int, default=9)
    args = parser.parse_args()
    makers: dict[str, Make] = {
        "frozen dataclass": plain_dataclass(frozen=True),
        "record": Object,
        "maker of the record": maker(Object),
        "dataclass, not frozen": plain_dataclass(frozen=False),
        "tuple": lambda *values: values,
    }
    runs = alternate({name: making(make, args.number) for name, make in makers.items()}, args.runs)
    rows = [
        [
            name,
            f"{median(own, 'cpu') / args.number * 1e6:.2f}",
            f"{median_ratio(own, runs['frozen dataclass']):.2f}",
        ]
        for name, own in runs.items()
    ]
    print(f"{len(VALUES)} fields, {args.number} records a run, {args.runs} runs each, medians")
    print(table(["kind", "cpu us/record", "times frozen dataclass"], rows))


if __name__ == "__main__":
    main()
