"""Finds images of a source by the last part of a path, which an annotation may have written down anywhere."""

from __future__ import annotations

import os
from collections.abc import Iterable

from annotools.sources.catalogue import bindable, connect, decode, of_this_thread, trouble
from annotools.sources.evidence import agreement, folder_of
from annotools.sources.names import base_of, fold, folded_stem


class ImageFinder:
    """A table of the images by their stem, folded, in a private temporary database."""

    def __init__(self, images: Iterable[str]) -> None:
        self._process = os.getpid()
        self._database = connect("")
        self._database.text_factory = decode
        with trouble():
            self._database.execute("CREATE TABLE image(stem, name)")
            self._database.execute("BEGIN")
            self._database.executemany(
                "INSERT INTO image VALUES (CAST(? AS TEXT), CAST(? AS TEXT))",
                ((bindable(folded_stem(name)), bindable(name)) for name in images),
            )
            self._database.execute("COMMIT")
            self._database.execute("CREATE INDEX image_stem ON image(stem)")

    @property
    def is_here(self) -> bool:
        """Whether this process made it: after a fork the temporary file must not be used."""
        return self._process == os.getpid()

    def find(self, filename: str, *, near: str) -> str | None:
        """The image that `filename` names, else one with the same stem; None without either.

        An exact name goes before one that only folds to the same, and that before another extension; then the
        one whose folder agrees best with that of `filename`; then one in the folder of the file `near` before
        others, and the first of these.
        """
        base = base_of(filename)
        if not base:
            return None
        found = self._database.execute(
            of_this_thread("SELECT name FROM image WHERE stem = CAST(? AS TEXT) ORDER BY rowid"),
            (bindable(folded_stem(base)),),
        )
        names = (name for (name,) in found)
        folder = folder_of(filename.replace("\\", "/"))

        def rank(name: str) -> tuple[bool, bool, int, bool]:
            found = name.rpartition("/")[2]
            is_beside = folder_of(name) == folder_of(near)
            return found != base, fold(found) != fold(base), -max(agreement(folder, name)), not is_beside

        return min(names, key=rank, default=None)
