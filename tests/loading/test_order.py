from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from annotools.errors import OptionError
from annotools.loader.order import Order, partners_of


def epoch_of(order: Order, epoch: int) -> list[int]:
    """The valid records of one epoch, batch after batch."""
    found: list[int] = []
    for step in range(order.steps):
        records, valid = order.batch(tf.constant(epoch, tf.int64), tf.constant(step, tf.int64))
        assert records.shape == valid.shape == (order.batch_size,)
        found += records.numpy()[valid.numpy()].tolist()
    return found


@pytest.mark.parametrize("count", [1, 2, 7, 64, 101])
@pytest.mark.parametrize("shuffle", [True, False])
def test_an_epoch_has_every_image_once(count: int, shuffle: bool) -> None:
    found = epoch_of(Order(count, batch_size=3, seed=5, shuffle=shuffle), epoch=4)
    assert sorted(found) == list(range(count))
    assert shuffle or found == list(range(count))


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    orders = [epoch_of(Order(50, 10, seed), epoch) for seed in (0, 1) for epoch in (0, 1)]
    assert len({tuple(order) for order in orders}) == 4
    assert epoch_of(Order(50, 10, 1), 1) == orders[3]


@pytest.mark.parametrize("count", [10, 11, 12, 13])
def test_workers_deal_one_permutation_out_among_them(count: int) -> None:
    whole = epoch_of(Order(count, count, seed=3), 2)
    parts = [epoch_of(Order(count, 2, seed=3, shard=(i, 4)), 2) for i in range(4)]
    assert [whole[i::4] for i in range(4)] == parts


def test_with_drop_remainder_every_worker_has_as_many_batches() -> None:
    orders = [Order(23, 2, shard=(i, 3), drop_remainder=True) for i in range(3)]
    assert [order.steps for order in orders] == [3, 3, 3]  # 7 images each, 3 whole batches
    assert [Order(23, 2, shard=(i, 3)).steps for i in range(3)] == [4, 4, 4]  # 8, 8 and 7 images
    seen = [record for order in orders for record in epoch_of(order, 0)]
    assert len(seen) == len(set(seen)) == 18


def test_the_batch_size_does_not_change_the_order() -> None:
    assert epoch_of(Order(20, 3), 0) == epoch_of(Order(20, 20), 0)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": 8, "shard": (2, 2)}, "shard"),
        ({"batch_size": 8, "shard": (-1, 2)}, "shard"),
        ({"batch_size": 11, "drop_remainder": True}, "batch_size"),
    ],
)
def test_impossible_orders_are_refused(arguments: dict[str, object], field: str) -> None:
    with pytest.raises(OptionError) as caught:
        Order(10, **arguments)  # type: ignore[arg-type]
    assert caught.value.field == field


@pytest.mark.parametrize("count", [4, 5, 6, 30])
def test_partners_are_others_and_all_different(count: int) -> None:
    records = tf.range(count, dtype=tf.int64)
    found = partners_of(records, tf.constant(0, tf.int64), 3, count=count, seed=7).numpy()
    assert found.shape == (count, 3)
    for record, partners in enumerate(found.tolist()):
        assert record not in partners
        assert set(partners) <= set(range(count))
        assert len(set(partners)) == 3


def test_partners_depend_on_record_epoch_and_seed_alone() -> None:
    def draw(records: list[int], epoch: int = 0, seed: int = 7) -> list[list[int]]:
        numbers, now = tf.constant(records, tf.int64), tf.constant(epoch, tf.int64)
        found: list[list[int]] = partners_of(numbers, now, 3, count=500, seed=seed).numpy().tolist()
        return found

    both = draw([3, 4])
    assert both == [*draw([3]), *draw([4])]
    assert len({tuple(row) for row in (*both, *draw([3], epoch=1), *draw([3], seed=8))}) == 4


def spread(drawn: list[int], count: int) -> float:
    """Chi-square over its degrees of freedom: about 1 for even draws."""
    expected = len(drawn) / count
    counts = np.bincount(drawn, minlength=count)
    return float(((counts - expected) ** 2 / expected).sum() / (count - 1))


@pytest.mark.parametrize("count", [5, 16, 100])
def test_the_first_and_the_middle_image_are_drawn_evenly(count: int) -> None:
    order = Order(count, count, seed=3)
    epochs = np.array(
        [order.batch(tf.constant(e, tf.int64), tf.constant(0, tf.int64))[0] for e in range(600)]
    )
    assert spread(epochs[:, 0].tolist(), count) < 2.5
    assert spread(epochs[:, count // 2].tolist(), count) < 2.5
    # index_shuffle by itself repeats after 256 epochs
    assert count == 5 or len({tuple(row) for row in epochs.tolist()}) == 600


def test_partners_are_drawn_evenly() -> None:
    records = tf.constant([0], tf.int64)
    drawn = [
        int(partners_of(records, tf.constant(e, tf.int64), 1, count=9, seed=0)[0, 0]) for e in range(400)
    ]
    assert 0 not in drawn
    # record 1 also stands in where the draw was the record itself
    assert spread([one - 2 for one in drawn if one > 1], 7) < 2.5


def test_a_lone_image_is_its_own_partner() -> None:
    found = partners_of(tf.zeros([2], tf.int64), tf.constant(0, tf.int64), 3, count=1, seed=0)
    assert found.numpy().tolist() == [[0, 0, 0]] * 2


def test_shuffled_positions_are_not_nearly_sorted() -> None:
    found = np.array(epoch_of(Order(1000, 1000), 0))
    assert np.mean(np.abs(found - np.arange(1000))) > 250  # 333 for a uniform permutation
