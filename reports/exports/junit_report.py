"""JUnit XML: a test suite a comparison, a test case a row and a threshold. What is wrong is a failure, what is unknown
an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.etree import ElementTree

from reports.comparison import Comparison, Row, compare
from reports.exports.export import Export, Exported
from reports.exports.readings import ExportReading
from reports.threshold_text import in_words, named
from results.printable import printable
from results.result import CheckedThreshold

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML document may have."""

_COUNTED = {"fail": "failure", "unknown": "error", "unsupported": "skipped", "unavailable": "skipped"}
"""The element for an outcome that is not pass."""


def text(exported: Exported) -> str:
    """The document. Figures are properties of their test case, with the mark of one that stands in brackets."""
    root = ElementTree.Element("testsuites", name=_text(f"streamgauge {exported.run.suite}"))
    for comparison in compare(exported.run):
        root.append(_suite(comparison, exported.readings))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(comparison: Comparison, readings: Iterable[ExportReading]) -> ElementTree.Element:
    cases = [
        *(_case(comparison, row, readings) for row in comparison.rows),
        *(_threshold(comparison, check) for check in comparison.thresholds),
    ]
    counts = {
        name: str(sum(case.find(element) is not None for case in cases))
        for name, element in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped"))
    }
    suite = ElementTree.Element("testsuite", {"name": _text(comparison.title), "tests": str(len(cases)), **counts})
    suite.extend(cases)
    return suite


def _case(comparison: Comparison, row: Row, readings: Iterable[ExportReading]) -> ElementTree.Element:
    case = ElementTree.Element("testcase", classname=_text(comparison.title), name=_text(row.name))
    mine = [each for each in readings if (each.question, each.row) == (comparison.title, row.name)]
    if mine:
        properties = ElementTree.SubElement(case, "properties")
        for each in mine:
            value = f"{each.value:.6g} {each.unit}".strip()
            mark = f"({value}), in brackets: {'; '.join(each.doubts)}" if each.doubts else value
            name = f"{each.phase}.{each.metric}"
            ElementTree.SubElement(properties, "property", name=_text(name), value=_text(mark))
    element = _COUNTED.get(row.outcome)
    if element is not None:
        reasons = row.reasons or [row.outcome]
        why = ElementTree.SubElement(case, element, message=_text(reasons[0]), type=row.outcome)
        why.text = _text("\n".join([*reasons, *(offence.explanation for offence in row.offences), *row.last_lines]))
    return case


def _threshold(comparison: Comparison, check: CheckedThreshold) -> ElementTree.Element:
    """A case of its own: one that is crossed is a failure, one that is not decided is skipped."""
    name = f"{named(check)}: {check.text}"
    case = ElementTree.Element("testcase", classname=_text(comparison.title), name=_text(name))
    element = {"crossed": "failure", "undecided": "skipped"}.get(check.state)
    if element is not None:
        ElementTree.SubElement(case, element, message=_text(in_words(check)), type=check.state)
    return case


def _text(text: str) -> str:
    """A text that a document may have: what cannot be seen is shown by its number, what XML has no place for is not."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", "\n".join(map(printable, text.split("\n"))))


export = Export("junit", "a JUnit report: a test case for each engine, its figures as properties", text, marks=True)
