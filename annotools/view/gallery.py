"""Which pictures a report shows: those with findings, those that belong to pairs, and some by chance."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from annotools.view.cards import Card, Colors, make_card
from annotools.view.choice import lot
from annotools.view.findings import Finding, Findings
from annotools.view.options import ReportOptions
from annotools.view.pictures import Album, Entry

PAIRS: Final = 24
ROOM: Final = 4_800_000
"""Bytes of the page for pictures: a page of 10 MB opens in a second, and goes through most mail."""
INFOS: Final = 5
"""Pictures that are shown for a rule that only informs."""
_PAIR_RULES: Final = ("leak-between-splits", "duplicate-image", "near-duplicate-image")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two pictures side by side, and the finding that says what they have in common."""

    finding: Finding
    first: Card
    second: Card


@dataclass(frozen=True, slots=True)
class Gallery:
    """The pictures of a report. images: how many there are; how: in words, how these were chosen."""

    cards: tuple[Card, ...]
    pairs: tuple[Pair, ...]
    images: int
    how: str


def make_gallery(album: Album, findings: Findings, colors: Colors, options: ReportOptions) -> Gallery:
    """Half of the pictures for findings, the rest by chance; the pairs of duplicates among the first."""
    pairs = _pair_findings(findings)[: max(1, options.pictures // 8)]
    wanted = _wanted_keys(findings, pairs, options.pictures)
    entries, sample, images = _collect(album, set(wanted), options)
    known: dict[str, Entry] = {}
    for _, entry in entries:
        for key in (entry.id, *entry.paths):
            known.setdefault(key, entry)
    places = {entry.id: place for place, entry in [*entries, *sample]}
    chosen = {known[key].id: known[key] for key in wanted if key in known}
    by_finding = set(chosen)
    for _, entry in sample:
        chosen.setdefault(entry.id, entry)
    cards = _make_cards(list(chosen.values())[: options.pictures], findings, colors, pairs)
    order = sorted(cards, key=places.__getitem__)
    cards = {id_: replace(cards[id_], number=number) for number, id_ in enumerate(order)}
    with_findings = len(by_finding & cards.keys())
    how = f"{with_findings} with findings, the first of each rule in turn"
    how += f", {len(cards) - with_findings} by chance (seed {options.seed})"
    if len(cards) < min(options.pictures, images):
        how += f"; no more fit in {ROOM / 1e6:g} MB"
    return Gallery(
        cards=tuple(cards.values()),
        pairs=tuple(_pairs(pairs, known, cards)),
        images=images,
        how=how if len(cards) < images else "all of them",
    )


def _make_cards(
    entries: Sequence[Entry], findings: Findings, colors: Colors, pairs: Sequence[Finding]
) -> dict[str, Card]:
    """Cards by image id, until there is no room for more. Those of `pairs` stand in the page twice."""
    twice = {key for one in pairs for key in (one.key, one.other)}
    by_key: dict[str, list[Finding]] = {}
    for some in findings.kept.values():
        for finding in some:
            if finding.key is not None:
                by_key.setdefault(finding.key, []).append(finding)
    cards: dict[str, Card] = {}
    room = ROOM
    for entry in entries:
        keys = dict.fromkeys((*entry.paths, entry.id))
        of_card = [finding for key in keys for finding in by_key.get(key, ())]
        card = make_card(0, entry.picture(), colors, of_card)
        room -= card.weight if twice.isdisjoint(keys) else 2 * card.weight
        if room < 0:
            break
        cards[entry.id] = card
    return cards


def _pair_findings(findings: Findings) -> list[Finding]:
    some = [one for rule in _PAIR_RULES for one in findings.kept.get(rule, ()) if one.other is not None]
    seen, result = set(), []
    for one in some:  # a leak is a duplicate too, and is said once
        if (one.key, one.other) not in seen:
            seen.add((one.key, one.other))
            result.append(one)
    return result[:PAIRS]


def _wanted_keys(findings: Findings, pairs: Sequence[Finding], pictures: int) -> list[str]:
    keys: dict[str, None] = {}
    for one in pairs:
        for key in (one.key, one.other):
            if key is not None:
                keys[key] = None
    told: Counter[str] = Counter()
    for one in findings.in_turn():
        if len(keys) >= pictures // 2:
            break
        told[one.rule] += 1
        if one.key is not None and (one.severity != "info" or told[one.rule] <= INFOS):
            keys[one.key] = None
    return list(keys)


def _collect(
    album: Album, wanted: set[str], options: ReportOptions
) -> tuple[list[tuple[int, Entry]], list[tuple[int, Entry]], int]:
    """The entries that are wanted and a sample of all, each with its place; and how many there are."""
    entries: list[tuple[int, Entry]] = []
    sample: list[tuple[bytes, int, Entry]] = []
    count = 0
    for place, entry in enumerate(album.entries(options.split)):
        count += 1
        if entry.id in wanted or not wanted.isdisjoint(entry.paths):
            entries.append((place, entry))
        sample.append((lot(entry.id, options.seed), place, entry))
        if len(sample) > 4 * options.pictures + 1000:
            sample = heapq.nsmallest(options.pictures, sample, key=lambda one: one[:2])
    best = heapq.nsmallest(options.pictures, sample, key=lambda one: one[:2])
    return entries, [(place, entry) for _, place, entry in best], count


def _pairs(findings: Sequence[Finding], known: dict[str, Entry], cards: dict[str, Card]) -> list[Pair]:
    result = []
    for finding in findings:
        one, other = (known.get(key) if key else None for key in (finding.key, finding.other))
        if one is not None and other is not None and one.id in cards and other.id in cards:
            result.append(Pair(finding, cards[one.id], cards[other.id]))
    return result
