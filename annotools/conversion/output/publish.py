"""Where an output goes: what may be replaced, and how the finished files get their names.

Until everything is finished, OUTPUT is as it was. Then the old manifest goes out of the way, the shards get
their names one by one, and the new manifest comes last: whoever finds a manifest finds all that it lists.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotools.conversion import manifest as manifests
from annotools.conversion.output.journal import Journal, differences
from annotools.conversion.output.local import STATE, Output, open_output
from annotools.conversion.output_formats import FORMATS
from annotools.errors import AnnotoolsError, OutputError
from annotools.formats.example.framing import index_file
from annotools.sources.urls import local_path


@dataclass(frozen=True, slots=True)
class Target:
    """A folder, or for the pickles one file with two companions beside it.

    path       as the user gave it
    manifest, label_map   the names of these files
    """

    path: str
    journal: Journal
    single_file: str | None
    manifest: str = manifests.NAME
    label_map: str = "label_map.pbtxt"

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
                "was made in another way (--overwrite starts anew): " + "; ".join(found), path=self.path
            )
        self.journal.output.sweep()
        if former != header:
            self.journal.write_header(header)

    def _refuse_other_files(self, overwrite: bool) -> None:
        output = self.journal.output
        if self.single_file:
            if output.size(self.single_file) is not None and not overwrite:
                raise OutputError("exists already (--overwrite replaces it)", path=self.path)
            return
        others = [name for name in output.names() if not name.startswith(f"{STATE}/")]
        if others and not overwrite:
            raise OutputError("exists already and is not empty (--overwrite replaces it)", path=self.path)
        if others and self.manifest not in others:
            raise OutputError("holds files but no manifest of annotools: nothing is replaced", path=self.path)
        if others:
            manifests.parse(output.read_bytes(self.manifest), output.display(self.manifest))

    def abandon(self, former: Mapping[str, Any] | None) -> None:
        """Leave OUTPUT as it was before `begin`."""
        journal = self.journal
        if former:
            journal.output.remove_folder(f"{journal.state}/staging")
            journal.write_header(former)
        else:
            journal.output.remove_folder(journal.state)
        journal.output.tidy()

    def publish(self, shards: Iterable[str], companions: Path) -> None:
        """Give the shards and the files in the folder `companions` their names, the manifest last."""
        journal, output = self.journal, self.journal.output
        beside = sorted(
            file.relative_to(companions).as_posix() for file in companions.rglob("*") if file.is_file()
        )
        files = set(shards)
        staged = self._staged(files)
        obsolete = self._obsolete(files)
        if staged or obsolete or any(not _same(output, name, companions / name) for name in beside):
            if output.size(self.manifest) is not None:
                output.rename(self.manifest, journal.former_manifest)
            _for_each(output, self._place, staged)
            _for_each(output, self._remove, obsolete)
            for name in sorted(beside, key=lambda name: (name == self.manifest, name)):
                output.put(companions / name, name)
        output.remove(journal.former_manifest)
        output.remove_folder(f"{journal.state}/staging")
        if self.single_file:
            output.remove_folder(journal.state)

    def _staged(self, files: Set[str]) -> list[str]:
        """The shards among `files` that have yet to be put in place, or their journal entries."""
        found = set(self.journal.output.names(f"{self.journal.state}/staging"))
        return sorted(file for file in files if self.journal.entry_of_staged(file) in found)

    def _place(self, file: str) -> None:
        journal, output = self.journal, self.journal.output
        for name in (index_file(file), file):
            if output.size(journal.staged(name)) is not None:
                output.rename(journal.staged(name), name)
        output.rename(journal.entry_of_staged(file), journal.entry_of_published(file))

    def _remove(self, file: str) -> None:
        for name in (file, index_file(file), self.journal.entry_of_published(file)):
            self.journal.output.remove(name)

    def _obsolete(self, files: Set[str]) -> list[str]:
        """Shards of an earlier output that are not among those of the new one."""
        if self.single_file:
            return []
        output, found = self.journal.output, set(self.journal.published_files())
        for name in (self.manifest, self.journal.former_manifest):
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


def make_target(path: str | os.PathLike[str], to: str) -> Target:
    """The target at a path or URL for the format `to`."""
    text = local_path(os.fspath(path))
    name = text.replace(os.sep, "/").rpartition("/")[2]
    stem, suffix = os.path.splitext(name)
    if suffix.lower() in FORMATS[to].single_file:
        state = f"{STATE}-{stem}"
        output = open_output(_folder_of(text, name), scratch_folder=state)
        return Target(
            text, Journal(output, state), name, f"{stem}.{manifests.NAME}", f"{stem}.label_map.pbtxt"
        )
    return Target(text, Journal(open_output(text), STATE), None)


def _folder_of(text: str, name: str) -> str:
    folder = text[: len(text) - len(name)]
    if folder.endswith("://"):  # memory://a.pkl
        return folder
    return folder.rstrip("/" + os.sep) or (os.sep if text.startswith(("/", os.sep)) else ".")
