"""How metrics are computed. A module of this folder that has `measurement` is found by its existence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from results.metrics.basis import Basis, Need
from results.metrics.measured import Measured
from results.metrics.metric import Metric
from results.result import PhaseKind


@dataclass(frozen=True)
class Measurement:
    """How one metric, or several at once, are computed."""

    name: str
    """In words, for the message that it could not be made."""
    metrics: tuple[Metric, ...]
    """Those that it may give. One that it gives and does not name here is an error."""
    measure: Callable[[Basis], Measured]
    """A pure function of what is known of a trial's phases of one kind."""
    needs: frozenset[Need] = frozenset()
    """Without one of these it is not made."""
    kind: PhaseKind | None = None
    """The kind of phase that it is made for; None for paced phases and drains."""

    def applies(self, basis: Basis, but: Need | None = None) -> bool:
        """Whether it is to be made, given what is known. but: a need that may be unmet."""
        mine = self.kind == basis.kind or (self.kind is None and basis.kind != "probe")
        return mine and all(basis.has(need) for need in self.needs if need != but)
