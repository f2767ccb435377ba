"""The comment on a pull request, from what a gate's artifact holds: `comment.py FOLDER LINK`. Standard library only.

The artifact of a pull request from a fork was made by that fork's code, and this runs with a token that may write. So
nothing of it is believed: a page that is not exactly of the form that our gate writes is not shown.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

MARKER = "<!-- streamgauge gate -->"
"""By which an earlier comment is found, and replaced."""

MOST_BYTES = 61_000
"""A comment may have 65,536 characters."""

_ENDS = {
    0: "passed",
    1: "found a regression",
    2: "was not asked rightly",
    3: "found wrong rows or a broken guarantee",
    4: "did not finish",
    5: "could not run",
    6: "is inconclusive",
    130: "was interrupted",
}

# What is markup stands in it by its number only; what could call somebody (@) or name an issue (#) with a word joiner.
# A colon stands as it is before a space, where it begins no address.
_TEXT = (
    r"(?:[^\\`*_\[\]<>#|~&@:]|:(?=\s|$)"
    r"|&#(?:92|96|42|95|123|125|91|93|40|41|60|62|43|33|124|126|38|58|45|46);|&#(?:64|35);&#8288;)*"
)
_LINE = re.compile(rf"|### Gate: {_TEXT}|- {_TEXT}|\|(?: {_TEXT} \|)+|\|(?: --- \|)+|\(cut\)")
_SIDES = re.compile(_TEXT)
"""The line that says what was compared: it has the word `against`."""


def body(folder: Path, link: str) -> str:
    """The comment."""
    page, code = _read(folder / "gate.md"), _read(folder / "code.txt").strip()
    end = _ENDS.get(int(code), "ended oddly") if re.fullmatch("[0-9]{1,3}", code) else ""
    lines = [MARKER]
    if page.strip() and harmless(page):
        lines.append(page.strip())
    elif end:
        lines += [f"### The gate {end}", "", "It left no report that can be shown here."]
    else:
        lines += ["### The gate ended without a result", "", "It left nothing that can be shown here."]
    lines += ["", f"[The run and its files]({link}). The figures were made by the code of this pull request."]
    return "\n".join(lines) + "\n"


def harmless(page: str) -> bool:
    """Whether each line is one that our gate writes, in which nothing is markup, a link or a mention."""
    return all(_is_ours(line) for line in page.rstrip("\n").split("\n"))


def _is_ours(line: str) -> bool:
    if not line.isprintable() or "www." in line.lower():
        return False
    form = _SIDES if " against " in line and line[0].isalnum() else _LINE
    return form.fullmatch(line) is not None


def _read(path: Path) -> str:
    """The text of a file of the artifact; empty where there is none that could be of our gate."""
    try:
        if path.is_symlink() or not path.is_file():
            return ""
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        return content.decode() if len(content) <= MOST_BYTES else ""
    except (OSError, UnicodeDecodeError):
        return ""


if __name__ == "__main__":
    sys.stdout.write(body(Path(sys.argv[1]), sys.argv[2]))
