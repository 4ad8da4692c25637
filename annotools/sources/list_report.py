"""What is said of the lists of splits: names of nothing, doubled entries, empty lists, unions, overlaps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import replace

from annotools.issues import Issue
from annotools.records import record
from annotools.sources.catalogue import Catalogue
from annotools.sources.image_sets import SplitList, is_absent, without_flag
from annotools.sources.split_names import is_split_name
from annotools.sources.storage import Storage, printable

SEVERAL = 0
"""In place of the pair of a line: it may mean several."""

_UNION_NAMES = frozenset({"trainval", "all", "default", "full", "total", "everything"})


@record
class ListReport:
    """The lists, while the table `line` has what each of their lines means."""

    catalogue: Catalogue
    lists: Sequence[SplitList]
    storage: Storage

    def leave_out_what_is_no_list(self) -> tuple[list[int], list[Issue]]:
        """The numbers of the lists that are some: of those that are implied to be, at least half of the lines
        name something."""
        counts = self.catalogue.execute(
            "SELECT list, count(*), sum(pair IS NOT NULL) FROM line GROUP BY list"
        )
        named = {number: (lines, known) for number, lines, known in counts}
        used, issues = [], []
        for number, one in enumerate(self.lists):
            lines, known = named.get(number, (0, 0))
            if not one.is_implied or (lines and 2 * known >= lines):
                used.append(number)
                continue
            self.catalogue.execute("DELETE FROM line WHERE list = ?", number)
            if known:
                message = f"only {known} of {lines} lines name something that is there: not taken for a list"
                issues.append(self._issue("list-names-missing-image", message, one.files[0]))
        return used, [replace(issue, severity="warning") for issue in issues]

    def missing(self) -> Iterator[Issue]:
        """Lines that name nothing, or several; one issue for a list of which no line names anything."""
        counts = self.catalogue.execute(
            "SELECT list, file, count(*), min(number) FROM line GROUP BY list, file HAVING count(pair) = 0"
        ).fetchall()
        silent = {(number, file): (lines, first) for number, file, lines, first in counts if lines > 1}
        missing = self.catalogue.execute(
            "SELECT list, file, number, text, pair FROM line WHERE pair IS NULL OR pair = ?"
            " ORDER BY list, file, number",
            SEVERAL,
        )
        reported = set()
        for list_number, file_number, number, line, pair in missing:
            file = self.lists[list_number].files[file_number]
            name = without_flag(line)
            lines, first = silent.get((list_number, file_number), (0, 0))
            if lines:
                if number == first:
                    message = (
                        f"none of its {lines} lines names an image or an annotation, the first one {name!r}"
                    )
                    yield self._issue("list-names-missing-image", message, file, number)
                continue
            if line.startswith("#") and pair is None:
                continue  # a comment, as Datumaro allows: a line that starts like one and names nothing
            if (list_number, name) in reported:
                continue
            reported.add((list_number, name))
            message = f"the list names {name!r}, but there is neither such an image nor an annotation"
            if pair == SEVERAL:
                message = f"the list names {name!r}, which several files are called; give the folder too"
            yield self._issue("list-names-missing-image", message, file, number)

    def doubled(self) -> Iterator[Issue]:
        """Images that a list names more than once; each counts once."""
        doubled = self.catalogue.execute(
            "SELECT list, file, count(*), min(second) FROM"
            " (SELECT list, file, max(number) AS second FROM line WHERE pair > 0 GROUP BY list, file, pair"
            " HAVING count(*) > 1) GROUP BY list, file ORDER BY list, file"
        ).fetchall()
        for list_number, file_number, count, line in doubled:
            (text,) = self.catalogue.execute(
                "SELECT text FROM line WHERE list = ? AND file = ? AND number = ?",
                list_number,
                file_number,
                line,
            ).fetchone()
            name = without_flag(text)
            message = (
                f"{count} image{'s are' * (count > 1) or ' is'} in the list more than once, such as {name!r}"
            )
            yield self._issue("list-entry-doubled", message, self.lists[list_number].files[file_number], line)

    def empty(self, used: Sequence[int]) -> Iterator[Issue]:
        """Lists without any line."""
        filled = {number for (number,) in self.catalogue.execute("SELECT DISTINCT list FROM line")}
        for number in used:
            one = self.lists[number]
            if number not in filled:
                message = f"the list is empty: the split {one.split!r} has no images"
                yield self._issue("split-empty", message, one.files[0])

    def absent(self) -> Iterator[Issue]:
        """Lists of one class alone, whose images without the class are left out."""
        for one in self.lists:
            if one.lone_class is not None:
                count = sum(is_absent(line) for _, _, line in one.lines(self.storage))
                if count:
                    message = (
                        f"the split {one.split!r} has lists of the class {one.lone_class!r} alone: {count} "
                        f"image{'s' * (count > 1)} with -1 are left out; {one.split}.txt would name all"
                    )
                    yield self._issue("image-in-no-list", message, one.files[0])

    def unions(self, unions: dict[str, list[str]]) -> Iterator[Issue]:
        """Lists that are the union of others, which are left out. Everybody knows that trainval is one."""
        for one in self.lists:
            parts = unions.get(one.split)
            if parts is not None and parts != ["train", "val"]:
                shown = " and ".join(map(repr, parts))
                message = (
                    f"{one.split!r} is what is in {shown}, and is left out; --split {one.split} takes it"
                )
                yield replace(self._issue("split-overlap", message, one.files[0]), severity="info")

    def overlaps(
        self, splits: Sequence[str], combinations: Sequence[tuple[Set[str], int]]
    ) -> Iterator[Issue]:
        """Images in two splits: an error where these are meant to be apart."""
        files = {split_list.split: split_list.files[0] for split_list in self.lists}
        for position, one in enumerate(splits):
            for other in splits[position + 1 :]:
                if shared := sum(count for members, count in combinations if {one, other} <= members):
                    verb = "image is" if shared == 1 else "images are"
                    message = f"{shared} {verb} in the split {one!r} and in {other!r}"
                    issue = self._issue("split-overlap", message, files[other])
                    is_leak = is_split_name(one) and is_split_name(other)
                    yield issue if is_leak else replace(issue, severity="warning")

    def _issue(self, rule: str, message: str, file: str, line: int | None = None) -> Issue:
        return Issue.of(rule, message, self.storage.display(file), line)


def find_unions(splits: Sequence[str], combinations: Sequence[tuple[Set[str], int]]) -> dict[str, list[str]]:
    """For each split that is the union of others, these.

    A split is one where each of its images is in another split that lies in it; of equal splits the one whose
    name says so (all, default, ...).

    combinations   sets of splits, with the images that are in these and no others
    """
    filled = {split for split in splits if any(split in members for members, _ in combinations)}

    def lies_in(part: str, whole: str) -> bool:
        return all(whole in members for members, _ in combinations if part in members)

    unions: dict[str, list[str]] = {}
    for whole in splits:
        parts = [one for one in splits if one != whole and one in filled and lies_in(one, whole)]
        equal = [one for one in parts if lies_in(whole, one)]
        parts = [one for one in parts if one not in equal or _is_union_name(whole) > _is_union_name(one)]
        if parts and all(set(parts) & members for members, _ in combinations if whole in members):
            unions[whole] = parts
    if {"train", "val", "trainval"} <= filled:
        unions.setdefault("trainval", ["train", "val"])
    return unions


def _is_union_name(split: str) -> bool:
    return split.lower() in _UNION_NAMES


def issues_of_no_split(
    catalogue: Catalogue, splits: Sequence[str], storage: Storage, *, of_lists: bool
) -> Iterator[Issue]:
    """Annotated images that no split has, where there are splits."""
    outside = (number for number, one in enumerate(catalogue.combinations) if not set(one) & set(splits))
    rows = f"WHERE splits IN ({', '.join(map(str, outside))}) AND xml IS NOT NULL"
    (count,) = catalogue.execute(f"SELECT count(*) FROM pair {rows}").fetchone()
    if not count:
        return
    names = [one for (one,) in catalogue.execute(f"SELECT coalesce(image, xml) FROM named {rows} LIMIT 3")]
    what = "named by no list" if of_lists else "in no folder that is a split"
    more = ", ..." if count > len(names) else ""
    message = (
        f"{count} annotated image{'s are' * (count > 1) or ' is'} {what} of {', '.join(map(repr, splits))}: "
        f"{', '.join(map(printable, names))}{more}; --split train=0.8,val=0.2 would take all images"
    )
    yield Issue.of("image-in-no-list", message, storage.root)
