"""Which split an image belongs to: names given by the source, or a seeded ratio.

A ratio split must not move an image when others are added, or a model would be tested on what it was
trained on. An assignment that holds for every larger set can depend on nothing but the image itself, so
it is a hash of the seed and the image's group, compared with the cumulated ratios. Class proportions
then follow the ratios in expectation, as close as chance allows; `best_seed` picks, among a fixed series
of seeds, the one whose split is nearest to stratified for the data at hand. Written into the command
line, that seed keeps both promises: the split is stratified and old images stay where they are.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace

from annotools.errors import OptionError
from annotools.records import record

# Roboflow exports several augmented copies of one photo as <name>_jpg.rf.<hash>.jpg: one group.
_ROBOFLOW_COPY = re.compile(r"\.rf\.[0-9a-zA-Z]+$")
_SEEDS_TRIED = 64


@record
class SplitOption:
    """`--split`: either the names of splits that the source has, or ratios to make new ones."""

    names: tuple[str, ...] = ()
    ratios: tuple[tuple[str, float], ...] = ()


def split_text(split: str | Sequence[str] | Mapping[str, float] | None) -> str | None:
    """`{"train": 0.8, "val": 0.2}` and `["train", "val"]` as they are written on the command line."""
    if split is None or isinstance(split, str):
        return split
    if isinstance(split, Mapping):
        return ",".join(f"{name}={float(ratio)!r}" for name, ratio in split.items())
    return ",".join(split)


def parse_split(text: str | None) -> SplitOption:
    """`None`, `"train"`, `"train,val"` or `"train=0.8,val=0.1,test=0.1"`; OptionError for anything else."""
    if text is None:
        return SplitOption()
    parts = [part.strip() for part in text.split(",")]
    named = [part.partition("=") for part in parts]
    names = [name.strip() for name, _, _ in named]
    if not all(names) or len(set(names)) != len(names):
        raise OptionError(
            "split names must be given once each", field="--split", found=text, expected="train,val"
        )
    if any(re.search(r'[/\\\0*?"<>|]|^\.', name) for name in names):
        raise OptionError(
            "a split name becomes part of a file name",
            field="--split",
            found=text,
            expected="letters, digits, - and _",
        )
    if not any(sign for _, sign, _ in named):
        return SplitOption(names=tuple(names))
    try:
        ratios = [float(value) for _, _, value in named]
    except ValueError:
        ratios = []
    if len(ratios) != len(names) or any(not 0 < r <= 1 for r in ratios) or abs(sum(ratios) - 1) > 1e-6:
        raise OptionError(
            "ratios must be positive and add up to 1",
            field="--split",
            found=text,
            expected="train=0.8,val=0.1,test=0.1",
        )
    return SplitOption(ratios=tuple(zip(names, ratios, strict=True)))


@record
class RatioSplit:
    """A seeded split by ratio that keeps groups together and never moves an old image.

    group_by   a regular expression searched in the image id (its path without extension). The group is
               the first capture if there is one, else the whole match; an id that does not match is a
               group of its own.
    joined     the names of groups that belong to another one, with its name: they share a copy of an image
    """

    ratios: tuple[tuple[str, float], ...]
    seed: int = 0
    group_by: re.Pattern[str] | None = None
    joined: Mapping[str, str] = field(default_factory=dict)

    def group(self, image_id: str) -> str:
        group = self._group(image_id)
        return self.joined.get(group, group)

    def _group(self, image_id: str) -> str:
        if self.group_by is None:
            return _ROBOFLOW_COPY.sub("", image_id)
        match = self.group_by.search(image_id)
        if match is None:
            return image_id
        return match.group(1) if self.group_by.groups and match.group(1) is not None else match.group(0)

    def assign(self, image_id: str) -> str:
        """The name of the split for this image: a function of seed, ratios and group, of nothing else."""
        key = f"{self.seed}\0{self.group(image_id)}".encode("utf-8", "surrogateescape")
        position = int.from_bytes(hashlib.blake2b(key, digest_size=8).digest()) / 2**64
        edge = 0.0
        for name, ratio in self.ratios:
            edge += ratio
            if position < edge:
                return name
        return self.ratios[-1][0]


def compile_group_by(text: str | None) -> re.Pattern[str] | None:
    """The regular expression of `--group-by`, or OptionError."""
    if text is None:
        return None
    try:
        return re.compile(text)
    except re.error as error:
        raise OptionError(
            f"not a regular expression: {error}", field="--group-by", found=text, expected="a regex"
        ) from None


def class_table(split: RatioSplit, images: Iterable[tuple[str, Iterable[str]]]) -> dict[str, Counter[str]]:
    """Objects per split and class, from (image id, class names of its objects)."""
    table: dict[str, Counter[str]] = {name: Counter() for name, _ in split.ratios}
    for image_id, names in images:
        table[split.assign(image_id)].update(names)
    return table


def imbalance(split: RatioSplit, table: Mapping[str, Mapping[str, int]]) -> float:
    """How far from stratified: the sum over classes and splits of (found - expected)^2 / expected."""
    totals: Counter[str] = Counter()
    for counts in table.values():
        totals.update(counts)
    score = 0.0
    for name, ratio in split.ratios:
        for class_name, total in totals.items():
            expected = total * ratio
            score += (table[name].get(class_name, 0) - expected) ** 2 / expected
    return score


def best_seed(split: RatioSplit, images: Iterable[tuple[str, Iterable[str]]]) -> int:
    """The seed of 0..63 whose split is nearest to stratified by class; of equal ones the smallest."""
    known = [(image_id, tuple(names)) for image_id, names in images]

    def score(seed: int) -> float:
        candidate = replace(split, seed=seed)
        return imbalance(candidate, class_table(candidate, known))

    return min(range(_SEEDS_TRIED), key=lambda seed: (score(seed), seed))
