"""The rules on a data set as a whole, over the shards of a conversion."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

from annotools.conversion.plan import Plan
from annotools.conversion.plan_rows import ALL_SPLITS
from annotools.conversion.splits import parse_split
from annotools.conversion.statistics import ShardResult
from annotools.issues import Issue
from annotools.sources.source import Pair
from annotools.validation.census import Census, Memberships
from annotools.validation.rules.catalogue import DATA_SET_CHECKS
from annotools.validation.rules.rule import DataSet
from annotools.validation.settings import make_selection


def whole_set_issues(plan: Plan, results: Sequence[ShardResult]) -> list[Issue]:
    """What `validate` says of the data set, said of what is converted; `results` as the plan has its shards.

    Rules that take extra time run in `validate` only, where they are asked for.
    """
    census = Census(one_based=plan.options.box_origin == "one-based")
    for result in results:
        census.add(result.census)
        census.fingerprints.extend(array("Q", bytes.fromhex(result.marks)))
    data_set = DataSet(plan.source, census, _memberships(plan), lambda: _pairs(plan))
    found = [issue for check in DATA_SET_CHECKS for issue in check.function(data_set)]
    return list(make_selection().selected(found))


def _pairs(plan: Plan) -> Iterator[Pair]:
    for shard in plan.shards:
        yield from (entry.pair for entry in plan.entries(shard))


def _memberships(plan: Plan) -> Memberships:
    """The splits of the source; a split by ratio has none that were meant to be apart."""
    if parse_split(plan.options.split).ratios:
        memberships = Memberships(())
        memberships.masks.extend([0] * plan.total)
        return memberships
    memberships = Memberships(plan.source.splits)
    for shard in plan.shards:
        if shard.split == ALL_SPLITS and ALL_SPLITS not in plan.source.splits:
            memberships.masks.extend(memberships.bit(entry.pair.split) for entry in plan.entries(shard))
        else:
            memberships.masks.extend([memberships.bit(shard.split)] * shard.entries)
    return memberships
