"""Why something cannot go on, for its user: what engines, logs and trials raise. Standard library only."""

from __future__ import annotations


class Failure(Exception):
    """`what` happened, and when; `where` to look; what to do about it (`remedy`). The last two may be empty."""

    def __init__(self, what: str, where: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what, self.where, self.remedy = what, where, remedy
