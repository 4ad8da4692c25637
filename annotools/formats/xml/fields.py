"""The fields of a VOC file: children by tag, text, flags, numbers; what is wrong becomes a list of faults.

Tags are matched by name, never by position, and only among the direct children of their parent: the box
of a `<part>` is not the box of its object. Blanks (space, tab, CR, LF) around a value are layout and do not
count.
"""

from __future__ import annotations

import re
from typing import Any, TypeAlias

from lxml import etree

from annotools.errors import ParseError
from annotools.formats.xml.document import BLANK, Fault
from annotools.issues import RULES_BY_ID, Severity

# Tags are matched exactly, but for these: some tools write them with a capital.
CASE_VARIANTS = {tag.capitalize(): tag for tag in ("pose", "truncated", "difficult", "occluded")}

_FLAGS = {"0": False, "false": False, "no": False, "0.0": False}
_FLAGS |= {"1": True, "true": True, "yes": True, "1.0": True}
FLAG_EXPECTED = "0 or 1 (also true, false, yes, no)"

# float() would also take 1_000 and digits of other scripts, which are typing mistakes here. No digit can be
# matched in two ways, or 100,000 of them in front of a letter would take minutes.
_NUMBER = re.compile(r"[+-]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?")
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(?:\.0*)?")
_PLAIN_TEXT = re.compile(r"[^&<>\r]+")

Element: TypeAlias = etree._Element


class FieldReader:
    """Reads the fields of one document; `faults` fills up in the order of the file."""

    def __init__(self, path: str | None = None, lines_cut: int = 0, *, has_attributes: bool = True) -> None:
        """`has_attributes`: False when no tag below the root has any, which saves looking at each."""
        self.faults: list[Fault] = []
        self.path = path
        self._lines_cut = lines_cut
        self.has_attributes = has_attributes
        self.index: int | None = None

    def text(self, element: Element | None) -> str | None:
        if element is None:
            return None
        if len(element):
            for child in element:
                self.lost(child, f"<{child.tag}> inside <{element.tag}> is not kept")
        self.note_attributes(element)
        text = element.text
        return text.strip(BLANK) if text else ""

    def flag(self, element: Element | None, severity: Severity | None = None) -> bool | None:
        text = self.text(element)
        if element is None or not text or text.lower() == "none":
            return None
        value = _FLAGS.get(text.lower())
        if value is not None:
            return value
        if not _NUMBER.fullmatch(text):
            self.invalid(element, text, FLAG_EXPECTED, severity)
            return None
        # KITTI grades (truncated 0.35, occluded 2, -1 where nothing is known): no reason to lose an object.
        grade = float(text)
        if grade not in (0, 1):
            message = "a grade is kept as yes, no or unknown"
            self.fault("field-invalid", message, element, element.tag, text, FLAG_EXPECTED, "info")
        return None if grade < 0 else grade > 0

    def whole_number(self, element: Element | None, severity: Severity | None = None) -> int | None:
        text = self.text(element)
        if element is None or not text:
            return None
        if not WHOLE_NUMBER.fullmatch(text):
            self.invalid(element, text, "a whole number", severity)
            return None
        return int(text.partition(".")[0])

    def numbers(
        self,
        element: Element | None,
        wanted: tuple[str, ...],
        owner_tags: frozenset[str],
        extras: list[str],
    ) -> list[float] | None:
        """The numbers under `wanted`, in that order; None when one is missing or faulty."""
        if element is None:
            return None
        tags, _ = self.children(element, frozenset(wanted), extras, owner_tags=owner_tags)
        self.note_attributes(element)
        values = [self.coordinate(tags.get(tag), element, tag) for tag in wanted]
        numbers = [value for value in values if value is not None]
        return numbers if len(numbers) == len(wanted) else None

    def coordinate(self, element: Element | None, parent: Element, field: str) -> float | None:
        text = self.text(element)
        if element is None or not text:
            self.fault(
                "missing-field", f"<{field}> of <{parent.tag}> is missing or empty",
                parent if element is None else element, field, text, "a number",
            )  # fmt: skip
            return None
        if _NUMBER.fullmatch(text):
            value = float(text)
            if value - value == 0:
                return value
        elif not _NOT_FINITE.fullmatch(text):
            self.invalid(element, text, "a number")
            return None
        self.fault("box-not-finite", "the position is not finite", element, field, text, "a number")
        return None

    # structure

    def children(
        self,
        element: Element,
        known: frozenset[str],
        extras: list[str],
        *,
        several: str | None = None,
        owner_tags: frozenset[str] | None = None,
    ) -> tuple[dict[str, Element], list[Element]]:
        """({tag: child} for the known tags, all children named `several`); the unknown go to `extras`.

        A record such as Box has no room for unknown tags: those move up to the extras of its owner, unless
        they would mean something else there (`owner_tags`).
        """
        single: dict[str, Element] = {}
        many: list[Element] = []
        stray = element.text and element.text.strip(BLANK)
        for child in element:
            tag = child.tag
            if tag not in known and CASE_VARIANTS.get(tag) in known:
                tag = CASE_VARIANTS[tag]
            if tag == several:
                many.append(child)
            elif tag not in known:
                if owner_tags and CASE_VARIANTS.get(tag, tag) in owner_tags:
                    self.lost(child, f"<{child.tag}> inside <{element.tag}> is not kept")
                else:
                    extras.append(xml_text(child))
            elif tag in single:
                self.duplicate(child)
            else:
                single[tag] = child
            stray = stray or ((tail := child.tail) and tail.strip(BLANK))
        if stray:
            self.note_stray_text(element)
        return single, many

    # findings

    def duplicate(self, element: Element) -> None:
        self.fault(
            "field-invalid", f"<{element.tag}> is given more than once", element, element.tag,
            text_of(element) or None, "one value",
        )  # fmt: skip
        parent = element.getparent()
        if element.tag == "bndbox" and parent is not None and parent.tag == "object":
            self.faults[-1] = self.faults[-1]._replace(fix="split-object")

    def invalid(self, element: Element, text: str, expected: str, severity: Severity | None = None) -> None:
        message = "the value cannot be used"
        self.fault("field-invalid", message, element, element.tag, text, expected, severity)

    def lost(self, element: Element, message: str) -> None:
        self.fault("unknown-tag", message, element)

    def note_attributes(self, element: Element) -> None:
        if not self.has_attributes:
            return
        for name in element.attrib:
            self.lost(element, f"the attribute {name!r} of <{element.tag}> is not kept")

    def note_stray_text(self, element: Element) -> None:
        if text_of(element) or any(child.tail and child.tail.strip(BLANK) for child in element):
            self.lost(element, f"text between the tags inside <{element.tag}> is not kept")

    def fault(
        self,
        rule: str,
        message: str,
        element: Element,
        field: str | None = None,
        found: object = None,
        expected: str | None = None,
        severity: Severity | None = None,
    ) -> None:
        """`severity`: where it is milder than that of the rule."""
        line = self.line(element)
        error = ParseError(message, line=line, field=field, found=found, expected=expected)
        self.faults.append(Fault(rule, severity or RULES_BY_ID[rule].severity, error, self.index))

    def errors_since(self, count: int) -> bool:
        """Whether an error came after the first `count` faults."""
        return any(fault.severity == "error" for fault in self.faults[count:])

    def line(self, element: Element) -> int:
        line: Any = element.sourceline
        return int(line or 0) + self._lines_cut


def text_of(element: Element) -> str:
    return (element.text or "").strip(BLANK)


def xml_text(element: Element) -> str:
    text = element.text
    if not len(element) and not element.attrib and text and _PLAIN_TEXT.fullmatch(text):
        return f"<{element.tag}>{text}</{element.tag}>"  # the same in a tenth of the time
    return etree.tostring(element, encoding="unicode", with_tail=False)


def is_empty(element: Element) -> bool:
    return not len(element) and not element.attrib and not text_of(element)
