"""The same picture twice: duplicate-image (-conflict), near-duplicate-image and leak-between-splits.

While the files are checked, each image leaves one 64-bit number (and on request one perceptual hash) behind.
Only where two numbers agree are the files themselves read again and compared.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from annotools.errors import AnnotoolsError, ImageError
from annotools.formats import voc
from annotools.issues import Issue
from annotools.records import Object, number, record
from annotools.sources.pair import Pair, make_pair
from annotools.validation.rules.rule import DataSet, finds_in_data_set

if TYPE_CHECKING:
    from annotools.sources.source import Source
    from annotools.validation.census import Memberships

NO_IMAGE = 0
"""The fingerprint of a pair whose image was not read."""

NEAR_BITS = 3
"""Perceptual hashes of 64 bits that differ in at most this many are near-duplicates."""


_SAMPLE = 4096


def fingerprint(head: bytes, size: int) -> int:
    """A 64-bit number that is equal for equal files; never NO_IMAGE. `head` has the first bytes of the file.

    Made of the size and a few kilobytes at both ends of `head`: whether files with the same number are
    really equal is settled later, by reading them.
    """
    import google_crc32c  # a quarter of the time of zlib's

    mark = google_crc32c.extend(google_crc32c.value(head[:_SAMPLE]), head[-_SAMPLE:])
    return (size & 0xFFFFFFFF) << 32 | mark or 1


def perceptual_hash(data: bytes) -> int:
    """64 bits that survive re-encoding and scaling: is a pixel of a 9 x 8 thumbnail brighter than the next?

    NO_IMAGE for a picture that cannot be decoded or has no structure to compare.
    """
    from PIL.Image import Resampling

    from annotools.images.decode import decode

    try:
        picture = decode(data, at_least=("L", (64, 64)))
        pixels = picture.convert("L").resize((9, 8), Resampling.BOX).tobytes()
    except (ImageError, ValueError):
        return NO_IMAGE
    # A thumbnail without contrast gives noise, and noise resembles noise.
    if max(pixels) - min(pixels) < 8:
        return NO_IMAGE
    bits = 0
    for row in range(0, 72, 9):
        for column in range(8):
            bits = bits << 1 | (pixels[row + column] > pixels[row + column + 1])
    return bits


@finds_in_data_set(
    "duplicate-image", "duplicate-image-conflict", "near-duplicate-image", "leak-between-splits"
)
def duplicates(data_set: DataSet) -> Iterator[Issue]:
    """Equal and nearly equal images. Of the pairs only the names of the suspects are kept."""
    census, source = data_set.census, data_set.source
    masks = data_set.memberships.masks
    equal = _groups_of_equal(census.fingerprints)
    near = list(_near(census.hashes, census.fingerprints, masks))
    wanted = {place for group in equal for place in group}
    wanted.update(place for pair in near for place in pair)
    if not wanted:
        return
    pairs = _Suspects((place, pair) for place, pair in enumerate(data_set.pairs()) if place in wanted)
    del wanted
    report = _Report(source, pairs, data_set.memberships)
    confirmed = [same for group in equal for same in _confirmed(source, group, pairs)]
    for same in sorted(confirmed, key=lambda places: pairs[places[0]].id):
        yield from report.issues("duplicate-image", same)
    for a, b in near:
        yield from report.issues("near-duplicate-image", [a, b])


_LIKENESS = {
    "duplicate-image": "the same bytes as",
    "duplicate-image-conflict": "the same bytes as",
    "near-duplicate-image": "nearly the same picture as",
}
_APART, _OTHER_BOXES = "; this one is in", ", but other boxes: "


class _Suspects:
    """Pairs by place, a text each: they may be all of a large set, and a Pair takes four times as much."""

    def __init__(self, pairs: Iterable[tuple[int, Pair]]) -> None:
        self._texts = {place: "\0".join((pair.id, pair.xml or "", pair.image or "")) for place, pair in pairs}

    def __getitem__(self, place: int) -> Pair:
        image_id, xml, image = self._texts[place].split("\0")
        return make_pair(image_id, xml or None, image or None)


@record
class _Report:
    """What is said of images that are alike. `pairs` are those of the suspects, by place."""

    source: Source
    pairs: _Suspects
    memberships: Memberships

    def issues(self, rule: str, places: list[int]) -> Iterator[Issue]:
        """One issue for each image that has an equal one before it in its split, and one for each leak."""
        masks, likeness = self.memberships.masks, _LIKENESS[rule]
        firsts: dict[int, int] = {}  # by combination of splits, in the order of their first places
        objects: dict[int, list[Object] | None] = {}  # of those places
        for place in places:
            mask = masks[place]
            before = firsts.items()
            here = next((first for other, first in before if not mask or not other or other & mask), None)
            apart = next((first for other, first in before if mask and other and not other & mask), None)
            firsts.setdefault(mask, place)
            if here is not None:
                contradiction = ""
                if rule == "duplicate-image":
                    if here not in objects:
                        objects[here] = self._objects(here)
                    contradiction = _contradiction(objects[here], self._objects(place))
                message = f"image: {likeness} {self._shown(here)}{contradiction}"
                yield Issue.of(
                    "duplicate-image-conflict" if contradiction else rule, message, self._shown(place)
                )
            if apart is not None:
                message = (
                    f"image: {likeness} {self._shown(apart)}{_APART} {self.memberships.names(mask)}, "
                    f"that one in {self.memberships.names(masks[apart])}"
                )
                yield Issue.of("leak-between-splits", message, self._shown(place))

    def _shown(self, place: int) -> str:
        return self.source.display(self.pairs[place].image or "")

    def _objects(self, place: int) -> list[Object] | None:
        pair = self.pairs[place]
        if pair.xml is None:
            return None
        try:
            annotation, _ = voc.inspect(self.source.read_bytes(pair.xml), pair.xml)
        except AnnotoolsError:
            return None
        return None if annotation is None else [one for one in annotation.objects if one.bndbox is not None]


def _contradiction(there: list[Object] | None, here: list[Object] | None) -> str:
    """The boxes that only one of two equal images has, in words; "" where they are the same."""
    if there is None or here is None:
        return ""
    only_here = _without_partner(here, there)
    only_there = _without_partner(there, here)
    if not only_here and not only_there:
        return ""
    said = [f"{_listed(only_here)} only here"] if only_here else []
    said += [f"{_listed(only_there)} only there"] if only_there else []
    return _OTHER_BOXES + ", ".join(said)


PARTNER_IOU = 0.5
"""Two people who label one picture draw boxes that overlap by more."""


def _without_partner(objects: list[Object], others: list[Object]) -> list[Object]:
    """The objects to which none of the others of their class is near enough; each is a partner once."""
    free = list(others)
    alone = []
    for obj in objects:
        partner = max(free, key=lambda other: _overlap(obj, other), default=None)
        if partner is None or _overlap(obj, partner) < PARTNER_IOU:
            alone.append(obj)
        else:
            free.remove(partner)
    return alone


def _overlap(obj: Object, other: Object) -> float:
    """The IoU of two boxes of one class; 1 for equal ones, also without area."""
    a, b = obj.bndbox, other.bndbox
    if obj.name != other.name or a is None or b is None:
        return 0.0
    if a == b:
        return 1.0
    width = min(a.xmax, b.xmax) - max(a.xmin, b.xmin)
    height = min(a.ymax, b.ymax) - max(a.ymin, b.ymin)
    common = max(width, 0.0) * max(height, 0.0)
    return common / (a.area + b.area - common) if common else 0.0


def _listed(objects: list[Object]) -> str:
    shown = [
        f"{obj.name!r} ({', '.join(map(number, obj.bndbox.as_tuple()))})" for obj in objects if obj.bndbox
    ]
    more = [f"{len(shown) - 5} more"] if len(shown) > 5 else []
    return ", ".join([*shown[:5], *more])


def other_image(issue: Issue) -> str | None:
    """The path of the image that a finding of these rules says its image is like; None for other findings."""
    for likeness in _LIKENESS.values():
        start = f"image: {likeness} "
        if issue.message.startswith(start):
            return issue.message.removeprefix(start).partition(_APART)[0].partition(_OTHER_BOXES)[0]
    return None


def _groups_of_equal(numbers: array[int]) -> list[list[int]]:
    order = sorted(range(len(numbers)), key=numbers.__getitem__)
    groups: list[list[int]] = []
    start = 0
    for end in range(1, len(order) + 1):
        if end == len(order) or numbers[order[end]] != numbers[order[start]]:
            if end - start > 1 and numbers[order[start]] != NO_IMAGE:
                groups.append(sorted(order[start:end]))
            start = end
    return sorted(groups)


def _confirmed(source: Source, group: list[int], pairs: _Suspects) -> list[list[int]]:
    """The places of the group whose images are equal byte for byte, in the order of the ids.

    An image that several splits name has several places in a conversion, and is counted once.
    """
    import hashlib  # loads OpenSSL; most data sets have no suspects

    by_digest: dict[bytes, dict[str, int]] = {}
    for place in sorted(group, key=lambda place: (pairs[place].id, place)):
        name = pairs[place].image or ""
        try:
            digest = hashlib.sha256(source.read_bytes(name)).digest()
        except AnnotoolsError:
            continue
        by_digest.setdefault(digest, {}).setdefault(name, place)
    return [list(same.values()) for same in by_digest.values() if len(same) > 1]


def _near(hashes: array[int], fingerprints: array[int], masks: array[int]) -> Iterator[tuple[int, int]]:
    """Each image with the first near one before it, in each combination of splits.

    Hashes that differ in at most three bits agree in at least one of four quarters, so only images that
    share a quarter are compared.
    """
    buckets: dict[tuple[int, int], list[int]] = {}
    for place, value in enumerate(hashes):
        if value == NO_IMAGE:
            continue
        quarters = [(quarter, value >> 16 * quarter & 0xFFFF) for quarter in range(4)]
        met: set[int] = set()
        for other in sorted({place for quarter in quarters for place in buckets.get(quarter, ())}):
            if masks[other] in met or (hashes[other] ^ value).bit_count() > NEAR_BITS:
                continue
            if fingerprints[other] != fingerprints[place]:
                met.add(masks[other])
                yield other, place
        for quarter in quarters:
            buckets.setdefault(quarter, []).append(place)
