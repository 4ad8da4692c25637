"""The fast way to take a record apart says what the parser of protobuf says, or nothing."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

import annotools
from annotools.errors import RecordError
from annotools.formats.example import wire
from annotools.formats.example.framing import scan
from annotools.verification.canonical import CanonicalReader
from annotools.verification.records import RecordCheck, Terms


@pytest.fixture(scope="module", params=["tfrecord", "tfds"])
def records(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, list[bytes]]:
    sample = Path(__file__).parents[2] / "sample_data"
    out = tmp_path_factory.mktemp("canonical") / "out"
    annotools.convert(sample, out, to=request.param)
    return request.param, [data for path in sorted(out.glob("*tfrecord*")) for _, data in scan(path)]


def reader(to: str) -> CanonicalReader:
    check = RecordCheck(Terms(to, {}))
    return CanonicalReader(check.rows, check.image_key)


def as_lists(values: Any) -> dict[str, list[Any]]:
    return {key: list(one) for key, one in values.items()}


def test_every_record_of_ours_takes_the_fast_way(records: tuple[str, list[bytes]]) -> None:
    to, datas = records
    read = reader(to).read
    assert len(datas) >= 20
    for data in datas:
        values = read(data)
        assert values is not None
        assert as_lists(values) == {key: one for key, (_, one) in wire.parse(data).items()}


def test_what_was_changed_is_read_as_the_parser_reads_it_or_not_at_all(
    records: tuple[str, list[bytes]],
) -> None:
    to, datas = records
    read = reader(to).read
    dice = random.Random(4)
    fast = 0
    for _ in range(3000):
        data = bytearray(dice.choice(datas[:4]))
        tail = dice.randrange(900)
        for _ in range(dice.randrange(1, 3)):
            place = dice.choice([dice.randrange(40), len(data) - 1 - tail])
            if dice.random() < 0.7:
                data[place] = dice.choice([0, 1, 10, 127, 128, 255, dice.randrange(256)])
            else:
                data[place : place + dice.randrange(3)] = dice.randbytes(dice.randrange(3))
        values = read(bytes(data))
        if values is None:
            continue
        fast += 1
        parsed = {key: one for key, (_, one) in wire.parse(bytes(data)).items()}
        assert repr(sorted(as_lists(values).items())) == repr(sorted(parsed.items()))  # nan is not nan
    assert 100 < fast < 2900


def test_names_of_keys_inside_of_values_mislead_nobody() -> None:
    from annotools.formats.example import tf_example
    from annotools.records import Example

    trap = "x\n\x19\n\x0cimage/format\x12\x09\n\x07\n\x05jpeg" * 3
    example = Example(trap, trap, trap, 9, 9, "jpeg", encoded=b"image/encoded\x12", sha256="a" * 64)
    head, tail = tf_example.encode(example)
    data = head + example.encoded + tail
    values = reader("tfrecord").read(data)
    assert values is None or as_lists(values) == {key: one for key, (_, one) in wire.parse(data).items()}
    content, findings = RecordCheck(Terms("tfrecord", {})).check(data)
    assert content.filename == trap
    assert {finding.rule for finding in findings} == {"image-sha256", "image-unreadable"}


def test_lists_are_read_by_kind() -> None:
    assert wire.list_values("bytes", b"\n\x01a\n\x00") == [b"a", b""]
    assert wire.list_values("int64", b"\n\x03\x01\x80\x01") == [1, 128]
    assert wire.list_values("float", b"\n\x04\x00\x00\x80?") == [1.0]
    with pytest.raises(RecordError):
        wire.list_values("float", b"\n\x03\x00\x00\x80")
