"""What measurements rest on: what is known of one trial's phases of one kind."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Literal

from results.evidence.machine import MachineSamples
from results.evidence.phases import Phase, as_sent
from results.evidence.samples import Samples
from results.evidence.strikes import Struck
from results.history import History
from results.metrics.attempts import Attempt, attempts
from results.metrics.strike_results import Watched, tried, watched, with_effort
from results.plan import POLLED, Drain, Paced
from results.result import PhaseKind
from results.verdict.examination import Examination

Need = Literal["phases", "samples", "matching", "causality", "completion", "strikes"]
"""phases: at least one phase of the kind began. samples: those of CPU and memory can be read. matching: every row was
held against the rows that are due; without that proof no speed is stated. causality: no row was visible before it could
be known; where one was, or where nothing tells when rows were visible, speeds are void. completion: each phase saw its
closing results. strikes: faults were to fall.
"""


class Basis:
    """Read-only; what takes time is computed once, when it is first asked for."""

    def __init__(
        self,
        history: History,
        kind: PhaseKind,
        phases: list[Phase],
        samples: Samples | None,
        seen: Examination | None,
        struck: list[Struck] | None,
        premature: int = 0,
    ) -> None:
        """phases: of this kind, in order. samples, seen: None where they could not be had. struck: None without
        strikes. premature: how many rows were visible before they could be known.
        """
        self.history, self.kind, self.phases = history, kind, phases
        self._samples, self._seen, self._struck = samples, seen, struck
        self.premature = premature

    def has(self, need: Need) -> bool:
        match need:
            case "phases":
                return bool(self.phases)
            case "samples":
                return self._samples is not None
            case "matching":
                return self._seen is not None
            case "causality":
                return self.untimed is None
            case "completion":
                return bool(self.phases) and all(phase.complete_ns is not None for phase in self.phases)
            case "strikes":
                return self._struck is not None

    @property
    def untimed(self) -> str | None:
        """Why no time of a row says anything, or None."""
        if self.history.plan.polled:
            return f"none: {POLLED}"
        if self.premature:
            return f"void: {self.premature:,} rows were visible before they could be known"
        return None

    @property
    def samples(self) -> Samples:
        if self._samples is None:
            raise LookupError("this measurement does not say that it needs samples")
        return self._samples

    @property
    def seen(self) -> Examination:
        """Every row, held against the rows that are due."""
        if self._seen is None:
            raise LookupError("this measurement does not say that it needs matching")
        return self._seen

    @property
    def paced(self) -> Paced:
        """What the paced phase was; cut short where the load was."""
        planned = self.phases[0].load
        if planned is None or self.kind != "paced":
            raise LookupError("this measurement does not say that it is for the paced phase")
        return as_sent(planned, self.phases[0])

    @cached_property
    def machine(self) -> MachineSamples:
        """What the machine did beside the trial. Raises DamagedHistory."""
        return MachineSamples(self.history)

    def of_probe(self, phase: Phase) -> Basis:
        """What is known of one probe, as of a paced phase."""
        return Basis(self.history, "paced", [phase], self._samples, self._seen, None, self.premature)

    @property
    def drain(self) -> Drain:
        """What was asked of the drains."""
        planned = self.history.plan.drain
        if planned is None or self.kind != "drain":
            raise LookupError("this measurement does not say that it is for drains")
        return planned

    @cached_property
    def attempts(self) -> list[Attempt]:
        """The drains that were completed, in order."""
        return attempts(self.seen)

    @property
    def measured_ns(self) -> tuple[int, int]:
        """Where the measured part of the paced phase begins and ends, monotonic."""
        first_ns = self.phases[0].start_ns + int(self.paced.warmup_s * 1e9)
        return first_ns, first_ns + int(self.paced.measured_s * 1e9)

    @cached_property
    def watched(self) -> Watched:
        """The strikes that were tried, with all that is known of each; none where none were to fall."""
        if self._struck is None:
            return Watched([])
        if self._seen is None or self.history.plan.polled or not self.has("completion"):
            return Watched(tried(self._struck, self.phases[0].start_ns if self.phases else None))
        phase = self.phases[0]
        found = watched(self._seen, phase, self.paced, self._struck)
        if self._samples is None:
            return found
        return replace(found, strikes=with_effort(found.strikes, self._samples, phase.start_ns))
