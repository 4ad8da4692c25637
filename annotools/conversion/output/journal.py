"""The journal: what each finished shard was made from and what is in it, so that nothing is done twice.

In OUTPUT, for as long as it exists:
    .annotools/conversion.json              source, options and classes
    .annotools/journal/<shard file>.json    fingerprint of the inputs, and the statistics of the shard
and while a conversion is under way:
    .annotools/staging/<shard file>         shards that are finished but not yet in place
    .annotools/staging/<shard file>.json    their journal entries

An entry is written after its shard, each whole or not at all. Whoever finds an entry therefore has the shard,
and still checks its SHA-256.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from annotools.conversion.json_records import from_json, to_json
from annotools.conversion.options import Options
from annotools.conversion.output.output import Output
from annotools.conversion.plan import Plan
from annotools.conversion.statistics import ShardResult
from annotools.errors import OutputError, SourceError
from annotools.formats.example.offsets import index_file
from annotools.records import record

VERSION: Final = 1
"""Of the journal and of the bytes of a shard: when either changes, shards are written anew."""


@record
class Entry:
    """One finished shard."""

    fingerprint: str
    result: ShardResult


@record
class Journal:
    """The places of the journal in `output`. `state` is the folder for it, ".annotools" in most outputs."""

    output: Output
    state: str

    def staged(self, file: str) -> str:
        return f"{self.state}/staging/{file}"

    def entry_of_staged(self, file: str) -> str:
        return f"{self.state}/staging/{file}.json"

    def entry_of_published(self, file: str) -> str:
        return f"{self.state}/journal/{file}.json"

    @property
    def former_manifest(self) -> str:
        return f"{self.state}/former-manifest.json"

    def published_files(self) -> list[str]:
        """The shards that have been given their final names."""
        return self._entries("journal")

    def finished_files(self, *, published: bool = True) -> set[str]:
        """The shards that have an entry, staged or (with `published`) in place."""
        return {*self._entries("staging"), *(self._entries("journal") if published else ())}

    def _entries(self, folder: str) -> list[str]:
        """The files that have an entry in a folder; `a.json` is a file itself if `a.json.json` is there."""
        start = f"{self.state}/{folder}/"
        names = set(self.output.names(start.rstrip("/")))
        entries = [name for name in names if name.endswith(".json") and f"{name}.json" not in names]
        return sorted(name.removeprefix(start).removesuffix(".json") for name in entries)

    def read_header(self) -> dict[str, Any] | None:
        """What `write_header` wrote last; None when nothing is under way and nothing was finished."""
        name = f"{self.state}/conversion.json"
        if self.output.size(name) is None:
            return None
        try:
            header = json.loads(self.output.read_bytes(name))
        except ValueError:
            header = None
        if not isinstance(header, dict):
            raise OutputError(
                "the journal is damaged (--overwrite starts anew)", path=self.output.display(name)
            )
        return header

    def write_header(self, header: Mapping[str, Any]) -> None:
        self.output.write_bytes(f"{self.state}/conversion.json", _to_json(header))

    def write_entry(self, file: str, entry: Entry) -> None:
        content = {"version": VERSION, "fingerprint": entry.fingerprint, "books": to_json(entry.result)}
        self.output.write_bytes(self.entry_of_staged(file), _to_json(content))

    def read_entry(self, file: str, *, published: bool = True) -> Entry | None:
        """The entry of a shard that is finished, staged or (with `published`) in place, and undamaged."""
        staged = self.entry_of_staged(file)
        places = [(staged, self.staged(file)), (staged, file)]
        if published:
            places.append((self.entry_of_published(file), file))
        for name, shard in places:
            entry = self._read_entry(name)
            if entry is not None and self._is_there(shard, entry.result):
                return entry
        return None

    def trusted_entry(self, file: str) -> Entry | None:
        """The newest entry of a shard that was finished a moment ago: nothing is checked."""
        staged = self._read_entry(self.entry_of_staged(file))
        return self._read_entry(self.entry_of_published(file)) if staged is None else staged

    def _read_entry(self, name: str) -> Entry | None:
        if self.output.size(name) is None:
            return None
        try:
            content = json.loads(self.output.read_bytes(name))
            if content["version"] != VERSION:
                return None
            result, _ = from_json(ShardResult, content["books"])
            return None if result is None else Entry(content["fingerprint"], result)
        except (ValueError, KeyError, TypeError):
            return None  # of another version, or damaged: the shard is made again

    def _is_there(self, name: str, result: ShardResult) -> bool:
        if self.output.size(name) != result.bytes or self.output.sha256(name) != result.sha256:
            return False
        if result.has_index and self.output.size(index_file(name)) != 8 * result.records:
            return False
        places = ((self.staged(one), one) for one in result.beside)  # some may be in place already
        return all(any(self.output.size(name) is not None for name in both) for both in places)

    def staged_shards(self) -> int:
        """How many shards are finished and not yet in place."""
        return len(self._entries("staging"))

    def published_beside(self, file: str) -> tuple[str, ...]:
        """The other files that belong to a shard that is in place."""
        entry = self._read_entry(self.entry_of_published(file))
        return () if entry is None else entry.result.beside


def header_of(source: str, options: Options) -> dict[str, Any]:
    """What must be the same for a run to go on where another one stopped."""
    return {
        "format": "annotools",
        "version": VERSION,
        "source": source,
        "to": options.to,
        "options": to_json(options.kept),
        "classes": dict(options.classes.ids),
    }


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """`--seed: 0, now 1` for each thing that is not the same."""
    found = [
        f"{key}: {old.get(key)!r}, now {new[key]!r}" for key in ("source", "to") if old.get(key) != new[key]
    ]
    before, now = old.get("options") or {}, new["options"]
    found += [
        f"--{key.replace('_', '-')}: {before.get(key)!r}, now {now[key]!r}"
        for key in now
        if before.get(key) != now[key]
    ]
    if old.get("classes") != new["classes"]:
        was, is_ = set((old.get("classes") or {}).items()), set(new["classes"].items())
        gone, come = ([f"{name}={number}" for name, number in sorted(s)] for s in (was - is_, is_ - was))
        found.append(f"classes: {', '.join(gone) or 'none'} gone, {', '.join(come) or 'none'} new")
    return found


def fingerprint(plan: Plan, index: int) -> str:
    """A hash of all that decides about the bytes of a shard, without reading one of its inputs."""
    digest = hashlib.blake2b(digest_size=16)
    source, shard = plan.source, plan.shards[index]
    digest.update(f"{VERSION}\0{shard.split}\0{shard.index}\0{shard.count}\0".encode())
    digest.update(_to_json(header_of("", plan.options)))
    of_files = bytearray()
    for line, files in plan.lines(shard):
        digest.update(line)
        for name, listed in files:
            if name is not None:
                of_files += _fingerprint(source, name) if listed is None else f"{listed}\0".encode()
    digest.update(of_files)
    return digest.hexdigest()


def _fingerprint(source: Any, name: str) -> bytes:
    try:
        return f"{source.fingerprint(name)}\0".encode()
    except SourceError:
        return b"gone\0"  # whoever reads it reports it


def _to_json(content: Mapping[str, Any]) -> bytes:
    # names of files that are not UTF-8 hold lone surrogates: escaped, as all that is not ASCII
    return json.dumps(content, separators=(",", ":")).encode("ascii") + b"\n"
