"""The trials of a gate, one after the other, each a process of its side. Others judge them, and say what follows."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.display import Display
from harness.gate.asked import Asked
from harness.gate.control_run import ControlRun
from harness.gate.order import Turn
from harness.gate.side import SideCode, Unit
from results.gate.gate_result import Side


@dataclass
class GateSession:
    """sides: the code of each. folder: where trials are recorded, and removed again once they are judged."""

    asked: Asked
    sides: Mapping[Side, SideCode]
    folder: Path
    display: Display
    _control: ControlRun = field(default_factory=ControlRun)
    _made: int = 0

    def recorded(self, turns: Sequence[Turn[Unit]], of: str) -> Iterator[tuple[Turn[Unit], Path, float]]:
        """Each trial with the folder of its run, and what the control took before it, CPU s. Whoever is given a folder
        removes it, or leaves it there. of: what they are for. Raises Problem.
        """
        for number, turn in enumerate(turns, 1):
            left = turns[number - 1 :]
            minutes = round(sum(self.asked.seconds[each.unit] for each in left) / 60)
            case = f"{turn.unit.engine}.{turn.unit.workload}"
            self.display.step(case, f"{of}, trial {number} of {len(turns)}: {turn.side}; about {minutes} min left")
            spent_s = self._control.seconds()
            self._made += 1
            out = self.folder / f"{self._made:03}-{turn.side}"
            run = self.sides[turn.side].record(
                self.asked.suite, turn.unit, self.asked.log, self.asked.words, out.absolute()
            )
            yield turn, run, spent_s

    def forget(self, run: Path) -> None:
        """Remove what a trial recorded."""
        shutil.rmtree(run.parent, ignore_errors=True)
