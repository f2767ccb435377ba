"""The trials of a gate, one after the other, each a process of its side. Others judge them, and say what follows."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.display import Display
from harness.gate import code_files
from harness.gate.asked import Asked
from harness.gate.control_run import ControlRun
from harness.gate.order import Turn
from harness.gate.side import SideCode, Unit
from harness.problem import ExitCode, Problem
from results.gate.gate_result import Side


@dataclass
class GateSession:
    """sides: the code of each, which is to stay as it is. folder: where trials are recorded, and removed again once
    they are judged.
    """

    asked: Asked
    sides: Mapping[Side, SideCode]
    folder: Path
    display: Display
    _control: ControlRun = field(default_factory=ControlRun)
    _made: int = 0
    _expected_s: float = 0.0
    _taken_s: float = 0.0
    _code: Mapping[Path, bytes] = field(init=False)

    def __post_init__(self) -> None:
        self._code = self._contents()

    def _contents(self) -> Mapping[Path, bytes]:
        files = [path for code in self.sides.values() for path in code.files]
        # Who stands in a folder of the code has the gate's own folder there.
        return code_files.contents(dict.fromkeys([self.asked.suite, *files]), self.folder.parent)

    def recorded(self, turns: Sequence[Turn[Unit]], of: str) -> Iterator[tuple[Turn[Unit], Path, float]]:
        """Each trial with the folder of its run, and what the control took before it, CPU s. Whoever is given a folder
        removes it, or leaves it there. of: what they are for. Raises Problem.
        """
        for number, turn in enumerate(turns, 1):
            minutes = round(self._left_s(turns[number - 1 :]) / 60)
            case = f"{turn.unit.engine}.{turn.unit.workload}"
            self.display.step(case, f"{of}, trial {number} of {len(turns)}: {turn.side}; about {minutes} min left")
            began_s = time.monotonic()
            spent_s = self._control.seconds()
            self._made += 1
            out = self.folder / f"{self._made:03}-{turn.side}"
            run = self.sides[turn.side].record(
                self.asked.suite, turn.unit, self.asked.log, self.asked.words, out.absolute()
            )
            if changed := code_files.changed(self._code, self._contents()):
                self.forget(run)
                what = "a file was changed while its code was tried: trials on different code say nothing"
                raise Problem(what, str(changed), "run the gate again, and leave the files alone", ExitCode.UNFINISHED)
            yield turn, run, spent_s
            # By now it was judged as well.
            self._taken_s += time.monotonic() - began_s
            self._expected_s += self.asked.seconds[turn.unit]

    def _left_s(self, turns: Sequence[Turn[Unit]]) -> float:
        """About how long these take; what the first ones took tells how fast this machine is."""
        pace = self._taken_s / self._expected_s if self._expected_s else 1.0
        return pace * sum(self.asked.seconds[each.unit] for each in turns)

    def forget(self, run: Path) -> None:
        """Remove what a trial recorded."""
        shutil.rmtree(run.parent, ignore_errors=True)
