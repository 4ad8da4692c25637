"""Outputs that were changed behind the back of their manifest, and what `verify` finds in them."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from annotools.formats.example import tf_example
from annotools.formats.example.framing import scan
from annotools.formats.example.framing_writer import Writer
from annotools.records import Example
from annotools.verification.faults import Fault
from annotools.verification.verify import VerifyResult


def rules(result: VerifyResult) -> dict[str, int]:
    return dict(result.counts)


def only(result: VerifyResult, rule: str) -> Fault:
    (fault,) = (fault for fault in result.faults if fault.rule == rule)
    return fault


def change_manifest(out: Path, change: Callable[[Any], None]) -> None:
    path = out / "manifest.json"
    manifest = json.loads(path.read_bytes())
    change(manifest)
    path.write_text(json.dumps(manifest))


def rewrite(out: Path, change: Callable[[list[bytes]], list[bytes]], *, honest: bool = False) -> Path:
    """The records of one shard written anew with checksums that are right, and an index that is right.

    honest   also correct what the manifest says about the file, as somebody would who wants to hide it
    """
    path = sorted(out.glob("*.tfrecord*"))[1]
    records = change([data for _, data in scan(path)])
    with Writer(path) as writer:
        offsets = [writer.write(data) for data in records]
    (out / "index" / f"{path.name}.u64").write_bytes(struct.pack(f"<{len(offsets)}Q", *offsets))
    if honest:

        def correct(manifest: Any) -> None:
            for split in manifest["splits"].values():
                for shard in split["shards"]:
                    if shard["file"] == path.name:
                        shard |= {"bytes": writer.size, "sha256": writer.sha256(), "records": writer.records}

        change_manifest(out, correct)
    return path


def edit(out: Path, number: int, change: Callable[[Example], Example]) -> Path:
    """One record changed, with everything around it made to fit."""

    def one(records: list[bytes]) -> list[bytes]:
        example = change(tf_example.decode(records[number]))
        head, tail = tf_example.encode(example)
        return [*records[:number], head + example.encoded + tail, *records[number + 1 :]]

    return rewrite(out, one, honest=True)
