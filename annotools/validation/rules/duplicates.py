"""The same picture twice: duplicate-image, near-duplicate-image and leak-between-splits.

While the files are checked, each image leaves one 64-bit number (and on request one perceptual hash) behind.
Only where two numbers agree are the files themselves read again and compared.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from annotools.errors import AnnotoolsError, ImageError
from annotools.issues import Issue
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
    mark = zlib.crc32(head[-_SAMPLE:], zlib.crc32(head[:_SAMPLE]))
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


@finds_in_data_set("duplicate-image", "near-duplicate-image", "leak-between-splits")
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
    names = {place: pair.image or "" for place, pair in enumerate(data_set.pairs()) if place in wanted}
    shown = {place: source.display(name) for place, name in names.items()}
    for group in equal:
        for same in _confirmed(source, group, names):
            yield from _report("duplicate-image", same, shown, data_set.memberships)
    for a, b in near:
        yield from _report("near-duplicate-image", [a, b], shown, data_set.memberships)


_LIKENESS = {"duplicate-image": "the same bytes as", "near-duplicate-image": "nearly the same picture as"}
_APART = "; this one is in"


def _report(
    rule: str, places: list[int], shown: Mapping[int, str], memberships: Memberships
) -> Iterator[Issue]:
    """One issue for each image that has an equal one before it in its split, and one for each leak."""
    masks, likeness = memberships.masks, _LIKENESS[rule]
    for position, place in enumerate(places):
        before = places[:position]
        mask = masks[place]
        here = [other for other in before if not mask or not masks[other] or masks[other] & mask]
        apart = [other for other in before if mask and masks[other] and not masks[other] & mask]
        if here:
            yield Issue.of(rule, f"image: {likeness} {shown[here[0]]}", shown[place])
        if apart:
            message = (
                f"image: {likeness} {shown[apart[0]]}{_APART} {memberships.names(mask)}, "
                f"that one in {memberships.names(masks[apart[0]])}"
            )
            yield Issue.of("leak-between-splits", message, shown[place])


def other_image(issue: Issue) -> str | None:
    """The path of the image that a finding of these rules says its image is like; None for other findings."""
    for likeness in _LIKENESS.values():
        start = f"image: {likeness} "
        if issue.message.startswith(start):
            return issue.message.removeprefix(start).partition(_APART)[0]
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


def _confirmed(source: Source, group: list[int], names: Mapping[int, str]) -> list[list[int]]:
    import hashlib  # loads OpenSSL; most data sets have no suspects

    by_digest: dict[bytes, list[int]] = {}
    for place in group:
        try:
            digest = hashlib.sha256(source.read_bytes(names[place])).digest()
        except AnnotoolsError:
            continue
        by_digest.setdefault(digest, []).append(place)
    return [same for same in by_digest.values() if len(same) > 1]


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
