"""Which of the splits of a data set is meant."""

from __future__ import annotations

from collections.abc import Sequence

from annotools.errors import OptionError


def choose_split(split: str | None, known: Sequence[str], where: str) -> str:
    """The only split, the one of that name, or that whose name ends in it (`train`: `voc_2007_train`)."""
    if split is None and len(known) == 1:
        return known[0]
    if split is not None and split in known:
        return split
    ending = [name for name in known if split and name.endswith((f"_{split}", f"-{split}", f".{split}"))]
    if len(ending) == 1:
        return ending[0]
    raise OptionError(
        "which split?" if split is None else "no such split",
        path=where,
        field="split",
        found=split,
        expected=", ".join(known),
    )
