"""What a plan needs to know of this machine: whether an engine can run here, after bringing what it lacks."""

from __future__ import annotations

from dataclasses import dataclass, field

from engines.protocol import Engine, LogKind
from harness import broker, doctor
from harness.doctor import Provisioned
from harness.problem import Problem
from harness.provisioning.java import find_java
from harness.provisioning.progress import ProgressReport
from results.plan import Blocked, RunPlan


@dataclass
class Readiness:
    """Brings what engines need when it is first asked for, and remembers what came of it.

    report: is told what is being brought. own_broker: the run starts a Kafka broker of its own.
    """

    report: ProgressReport
    own_broker: bool = False
    _known: dict[str, Provisioned | Problem] = field(default_factory=dict)

    @staticmethod
    def has_java() -> bool:
        """Whether a JDK that a broker runs on is there already."""
        try:
            find_java(broker.JAVA)
        except Problem:
            return False
        return True

    def without_kafka(self) -> Blocked | None:
        """Why no broker of ours can run here, or None if one can."""
        try:
            doctor.prepare_broker(self.report)
        except Problem as problem:
            return _blocked(problem, "needs Kafka; ")
        return None

    def available(self, engine: Engine, log: LogKind) -> Blocked | None:
        """Why the engine cannot run here, or None if it can."""
        if engine.name not in self._known:
            self._known |= doctor.prepare([engine], self.own_broker and log == "kafka", self.report)
        known = self._known[engine.name]
        return _blocked(known) if isinstance(known, Problem) else None

    def tools(self, engine: str) -> Provisioned:
        """What an engine runs with that was asked for before. Raises Problem where it cannot run."""
        known = self._known[engine]
        if isinstance(known, Problem):
            raise known
        return known

    def provisioned(self, plan: RunPlan) -> dict[str, Provisioned]:
        """What the engines of the plan's runnable cases run with, by name."""
        names = {case.engine for case in plan.runnable}
        return {name: known for name in names if not isinstance(known := self._known[name], Problem)}


@dataclass
class Outlook(Readiness):
    """Only looks, for a plan that is shown and not executed: what can be brought is taken for brought."""

    lacking: dict[str, str] = field(default_factory=dict)
    """By engine that was asked for, or `kafka` for the broker, what is to be brought."""

    def without_kafka(self) -> Blocked | None:
        finding = doctor.look_at_broker()
        if finding.state == "missing":
            self.lacking[doctor.BROKER] = finding.what
        return None

    def available(self, engine: Engine, log: LogKind) -> Blocked | None:  # noqa: ARG002 - as the plan asks
        if engine.name not in self._looked_at:
            self._looked_at.add(engine.name)
            finding = doctor.look(engine)
            if finding.state == "missing":
                self.lacking[engine.name] = finding.what
        return None

    _looked_at: set[str] = field(default_factory=set)


def _blocked(problem: Problem, before: str = "") -> Blocked:
    where = f" ({problem.where})" if problem.where else ""
    return Blocked(outcome="unavailable", reason=f"{before}{problem.what}{where}", remedy=problem.remedy)
