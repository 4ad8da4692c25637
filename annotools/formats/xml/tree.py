"""The root element of an XML document, by lxml: limits, and nothing from outside.

Everything that a hostile or damaged document can do is stopped here. No entity is expanded, no DTD is read,
no network is touched; size and depth are bounded.
"""

from __future__ import annotations

import threading
from typing import Any

from lxml import etree

from annotools.formats.xml.document import DocumentError

MAX_ATTRIBUTES = 1000
"""The most attributes that a tag may have: libxml2 searches all of them for each one, and VOC has one."""


class _Parser(threading.local):
    """One a thread: lxml would make threads wait for each other at a shared one."""

    def __init__(self) -> None:
        self.lxml = etree.XMLParser(
            encoding="utf-8",  # whatever the declaration says: `to_utf8` has dealt with it
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            dtd_validation=False,
            huge_tree=False,
            recover=False,
            remove_comments=True,
            remove_pis=True,
            collect_ids=False,
        )


_parser = _Parser()


def parse_xml(data: bytes, lines_cut: int = 0) -> etree._Element:
    """The root of a UTF-8 document, with namespaces removed; comments and processing instructions are gone.

    Raises DocumentError (unparsable) for what is not well-formed and for a document type declaration.
    """
    if b"<!DOCTYPE" in data:
        # Nobody needs one in VOC, and it is the door to entity bombs and to files outside.
        raise DocumentError(
            "unparsable",
            "a document type declaration (DOCTYPE, ENTITY) is not accepted",
            line=lines_cut + 1 + data.count(b"\n", 0, data.find(b"<!DOCTYPE")),
            found="<!DOCTYPE",
            expected="an <annotation> element",
        )
    try:
        root = etree.fromstring(data, _parser.lxml)
    except etree.XMLSyntaxError as error:
        raise DocumentError(
            "unparsable",
            f"not well-formed XML: {' '.join(error.msg.split())}",
            line=lines_cut + (error.lineno or 1),
            expected="well-formed XML",
        ) from error
    if data.count(b"=") > MAX_ATTRIBUTES:
        _check_attributes(root, lines_cut)
    if b"xmlns" in data:
        _remove_namespaces(root)
    return root


def _check_attributes(root: etree._Element, lines_cut: int) -> None:
    for element in root.iter(etree.Element):
        if len(element.attrib) > MAX_ATTRIBUTES:
            line: Any = element.sourceline
            raise DocumentError(
                "unparsable",
                "a tag has too many attributes",
                line=lines_cut + (line or 1),
                field=etree.QName(element).localname,
                found=f"{len(element.attrib)} attributes",
                expected=f"at most {MAX_ATTRIBUTES}",
            )


def has_attributes(document: bytes) -> bool:
    """False when no tag below the root can have an attribute: there is no "=" behind the root's tag."""
    if b"xmlns" in document:  # the root may be <voc:annotation>
        return True
    return document.find(b"=", document.find(b">", document.find(b"<annotation"))) >= 0


def _remove_namespaces(root: etree._Element) -> None:
    for element in root.iter(etree.Element):
        element.tag = etree.QName(element).localname
        if any(str(name).startswith("{") for name in element.attrib):
            attributes = [(etree.QName(name).localname, value) for name, value in element.attrib.items()]
            element.attrib.clear()
            element.attrib.update(attributes)
    etree.cleanup_namespaces(root)
