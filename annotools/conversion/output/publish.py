"""Where an output goes: what may be replaced, and how the finished files get their names.

Until everything is finished, OUTPUT is as it was. Then the old manifest goes out of the way, the shards get
their names one by one, and the new manifest comes last: whoever finds a manifest finds all that it lists.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

from annotools.conversion import manifest as manifests
from annotools.conversion.output.journal import Journal, differences
from annotools.conversion.output.output import Output, open_output
from annotools.conversion.output.place import STATE, Place
from annotools.conversion.output_formats import FORMATS
from annotools.errors import AnnotoolsError, OutputError
from annotools.formats.example.offsets import index_file
from annotools.records import record


@record
class Publisher:
    """Puts finished files in place, and refuses places that hold something else."""

    place: Place
    journal: Journal

    @classmethod
    def at(cls, path: str | os.PathLike[str], to: str) -> Publisher:
        """The publisher for a path or URL and the format `to`. OutputError for a place that cannot be one."""
        place = Place.of(path, FORMATS[to].single_file)
        output = open_output(place.folder, scratch_folder=place.state)
        return cls(place, Journal(output, place.state))

    def former(self, *, overwrite: bool) -> Mapping[str, Any] | None:
        """The header of the conversion that OUTPUT holds or that began in it; None without one."""
        try:
            return self.journal.read_header()
        except OutputError:
            if not overwrite:
                raise
            return {}

    def begin(self, header: Mapping[str, Any], former: Mapping[str, Any] | None, *, overwrite: bool) -> None:
        """Refuse an OUTPUT that holds something else, or note in it what is under way."""
        if former is None:
            self._refuse_other_files(overwrite)
        elif not overwrite and (found := differences(former, header)):
            raise OutputError(
                "was made in another way (--overwrite starts anew): " + "; ".join(found), path=self.place.path
            )
        self.journal.output.sweep()
        if former != header:
            self.journal.write_header(header)

    def _refuse_other_files(self, overwrite: bool) -> None:
        output = self.journal.output
        if self.place.single_file:
            if output.size(self.place.single_file) is not None and not overwrite:
                raise OutputError("exists already (--overwrite replaces it)", path=self.place.path)
            return
        others = [name for name in output.names() if not name.startswith(f"{STATE}/")]
        if others and not overwrite:
            raise OutputError(
                "exists already and is not empty (--overwrite replaces it)", path=self.place.path
            )
        if others and self.place.manifest not in others:
            raise OutputError(
                "holds files but no manifest of annotools: nothing is replaced", path=self.place.path
            )
        if others:
            manifests.parse(output.read_bytes(self.place.manifest), output.display(self.place.manifest))

    def abandon(self, former: Mapping[str, Any] | None) -> None:
        """Leave OUTPUT as it was before `begin`."""
        journal = self.journal
        if former:
            journal.output.remove_folder(f"{journal.state}/staging")
            journal.write_header(former)
        else:
            journal.output.remove_folder(journal.state)
        journal.output.tidy()

    def publish(self, shards: Mapping[str, Sequence[str]], sidecars: Path) -> None:
        """Give all files their names, the manifest last.

        shards     the files that belong to each shard besides its index
        sidecars   a folder with the files beside the shards
        """
        journal, output = self.journal, self.journal.output
        beside = sorted(
            file.relative_to(sidecars).as_posix() for file in sidecars.rglob("*") if file.is_file()
        )
        files = set(shards)
        staged = self._staged(files)
        obsolete = self._obsolete(files)
        if staged or obsolete or any(not _same(output, name, sidecars / name) for name in beside):
            if output.size(self.place.manifest) is not None:
                output.rename(self.place.manifest, journal.former_manifest)
            _for_each(output, lambda file: self._place(file, shards[file]), staged)
            _for_each(output, self._remove, obsolete)
            for name in sorted(beside, key=lambda name: (name == self.place.manifest, name)):
                output.put(sidecars / name, name)
        output.remove(journal.former_manifest)
        output.remove_folder(f"{journal.state}/staging")
        if self.place.single_file:
            output.remove_folder(journal.state)

    def _staged(self, files: Set[str]) -> list[str]:
        """The shards among `files` that have yet to be put in place, or their journal entries."""
        found = set(self.journal.output.names(f"{self.journal.state}/staging"))
        return sorted(file for file in files if self.journal.entry_of_staged(file) in found)

    def _place(self, file: str, beside: Sequence[str]) -> None:
        journal, output = self.journal, self.journal.output
        output.remove(*set(journal.published_beside(file) if beside else ()) - set(beside))
        for name in beside:
            if output.size(journal.staged(name)) is not None:
                output.rename(journal.staged(name), name, durable=False)
        output.settle(beside)
        for name in (index_file(file), file):
            if output.size(journal.staged(name)) is not None:
                output.rename(journal.staged(name), name)
        output.rename(journal.entry_of_staged(file), journal.entry_of_published(file))

    def _remove(self, file: str) -> None:
        journal = self.journal
        beside = journal.published_beside(file)
        journal.output.remove(file, index_file(file), *beside)
        journal.output.remove(journal.entry_of_published(file))

    def _obsolete(self, files: Set[str]) -> list[str]:
        """Shards of an earlier output that are not among those of the new one."""
        if self.place.single_file:
            return []
        output, found = self.journal.output, set(self.journal.published_files())
        for name in (self.place.manifest, self.journal.former_manifest):
            if output.size(name) is None:
                continue
            try:
                former = manifests.parse(output.read_bytes(name), output.display(name))
            except AnnotoolsError:
                continue  # nothing of it can be trusted, least of all the names of files to remove
            found |= set(former.files)
        return sorted(found - files)


def _for_each(output: Output, work: Callable[[str], None], files: Iterable[str]) -> None:
    """In threads where the output is far away, and a file costs a few round trips."""
    if output.at_once == 1:
        for file in files:
            work(file)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(output.at_once) as threads:
        for _ in threads.map(work, files):
            pass  # raises what `work` raised


def _same(output: Output, name: str, file: Path) -> bool:
    return output.size(name) == file.stat().st_size and output.read_bytes(name) == file.read_bytes()
