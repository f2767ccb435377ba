"""A gate's result as JUnit XML: a test case a figure, and one for the answers of each case."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from xml.etree import ElementTree

from reports.gate import gate_table
from results.gate.gate_result import FigureResult, GateResult, WrongTrial
from results.gate.gated import BY_NAME
from results.printable import printable

_SKIPPED = ("inconclusive", "not compared", "accepted")


def document(result: GateResult) -> bytes:
    """UTF-8. What XML cannot hold (control characters, lone surrogates) is shown by its number."""
    tests = [*_answers(result), *(_figure(each) for each in result.figures)]
    counts = Counter(child.tag for test in tests for child in test)
    suite = ElementTree.Element(
        "testsuite",
        name=f"streamgauge gate {_safe(result.suite)}",
        tests=str(len(tests)),
        failures=str(counts["failure"]),
        errors=str(counts["error"]),
        skipped=str(counts["skipped"]),
        time=f"{result.seconds:.3f}",
        timestamp=_safe(result.started),
    )
    properties = ElementTree.SubElement(suite, "properties")
    said = {
        "baseline": gate_table.side(result.baseline),
        "candidate": gate_table.side(result.candidate),
        "verdict": result.verdict,
        "seed": str(result.seed),
        "method_version": str(result.method_version),
    }
    for name, value in said.items():
        ElementTree.SubElement(properties, "property", name=name, value=_safe(value))
    suite.extend(tests)
    ElementTree.SubElement(suite, "system-out").text = _safe("\n".join(gate_table.told(result)))
    root = ElementTree.Element("testsuites")
    root.append(suite)
    text: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return text


def _answers(result: GateResult) -> Iterator[ElementTree.Element]:
    """Whether every trial of a case was right."""
    for case in dict.fromkeys([*(trial.case for trial in result.trials), *(each.case for each in result.wrong)]):
        test = ElementTree.Element("testcase", classname=_safe(case), name="answers")
        mine = [each for each in result.wrong if each.case == case]
        if mine:
            tag = "failure" if any(each.outcome == "fail" for each in mine) else "error"
            told = ElementTree.SubElement(test, tag, message=_safe(_said(mine[0])))
            told.text = _safe("\n".join(map(_said, mine)))
        yield test


def _said(wrong: WrongTrial) -> str:
    return f"{wrong.side}: {wrong.outcome}: {wrong.reason}"


def _figure(figure: FigureResult) -> ElementTree.Element:
    title = BY_NAME[figure.metric].title if figure.metric in BY_NAME else figure.metric
    test = ElementTree.Element("testcase", classname=_safe(figure.case), name=_safe(title))
    if figure.verdict == "regression":
        ElementTree.SubElement(test, "failure", message=_safe(figure.why))
    elif figure.verdict in _SKIPPED:
        ElementTree.SubElement(test, "skipped", message=_safe(f"{figure.verdict}: {figure.why}"))
    return test


def _safe(text: str) -> str:
    # Characters that XML 1.0 forbids are not printable, but for two that Unicode leaves without a meaning.
    lines = (printable(line) for line in text.split("\n"))
    return "\n".join(lines).replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")
