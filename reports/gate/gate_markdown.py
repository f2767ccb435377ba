"""A gate's result in Markdown, for a pull request. Names and reasons may come from anyone: none of them is markup."""

from __future__ import annotations

import re

from reports.gate import gate_table
from results.gate.gate_result import GateResult
from results.printable import printable

_MARKUP = re.compile(r"([\\`*_\[\]<>#|~&@]|:(?=\S))")
"""A colon before a space begins neither an address nor an emoji; nothing of ours begins a line with somebody's text."""

_NEVER_LONGER = 60_000
"""A comment of GitHub may have 65,536 characters."""


_CALLS = "@#"
_APART = "&#8288;"
"""A word joiner, which is not seen: GitHub looks for mentions and issues after it has decoded entities."""


def escaped(text: str) -> str:
    """The text on a line, in which nothing is markup, a link, a mention of somebody or a number of an issue."""
    shown = "".join(sign if sign.isprintable() else _number(sign) for sign in printable(text))
    found = _MARKUP.sub(lambda sign: f"&#{ord(sign[1])};{_APART if sign[1] in _CALLS else ''}", shown)
    return found.replace("www.", "www&#46;")


def _number(sign: str) -> str:
    """Of what Python calls not printable, such as a character that is not assigned: `comment.py` would show no page."""
    return " " if sign.isspace() else f"\\u{ord(sign):04x}"


def page(result: GateResult) -> str:
    """A heading, the table, and what stands under it."""
    lines = [f"### Gate: {escaped(result.summary)}", ""]
    sides = (gate_table.side(result.candidate), gate_table.side(result.baseline))
    lines += ["{} against {}".format(*map(escaped, sides)), ""]
    if result.figures:
        lines += [f"| {' | '.join(gate_table.HEADINGS)} |", f"|{' --- |' * len(gate_table.HEADINGS)}"]
        lines += [f"| {' | '.join(map(escaped, row))} |" for row in gate_table.rows(result)]
        lines.append("")
    lines += [f"- {escaped(line)}" for line in gate_table.told(result)]
    text = "\n".join(lines).rstrip() + "\n"
    return text if len(text) <= _NEVER_LONGER else f"{text[:_NEVER_LONGER].rpartition(chr(10))[0]}\n\n(cut)\n"
