"""How often a gate fails what did not change, and finds what did: made by hand on a quiet machine, and not by CI.

    python -m tests.proofs.gate_alarms record [TRIALS]    so many trials (60) of each built-in runner; 40 minutes
    python -m tests.proofs.gate_alarms draw [GATES]       so many gates (10,000) drawn from these; a minute
    python -m tests.proofs.gate_alarms gates [SAME SLOW WRONG]    real gates: 6 of the same code, 4 with 15 % planted
                                                          into `continuous`, 1 with a dropped row; 90 minutes

In docs/results/gate/: `record` writes trials.json.xz, the trials as the result of a run, in the order in which they
were made; `draw` reads it and writes alarms.md, and ends with 1 if more than 5 % of the gates fail. `gates` writes
real.md with what each real one said, and ends with 1 if more than one of the same code fails, a slow one passes or a
wrong one does not end with 3. Real gates are of what is committed.
"""

from __future__ import annotations

import lzma
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.commands.consoles import console, report
from harness.display import Plain
from harness.gate import asked, side, tether
from harness.gate.order import interleaved
from harness.gate.session import GateSession
from harness.host import facts
from reports import units
from results.gate import kept_baseline
from results.gate.conclusion import Trials, figures, to_look_at_again
from results.gate.decision import FRESH_PAIRS, SCREEN_PAIRS
from results.gate.gate_result import GateResult, GateTrial, Side
from results.gate.gated import BY_NAME, of_run
from results.result import RunResult
from results.store import RESULT, judge_run
from tests.test_planted_faults import PLANTS, Plant

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "docs" / "results" / "gate"
NAME = "trials"
TRIALS, GATES, MOST_ALARMS = 60, 10_000, 0.05
PLANTED = 0.15
QUAD = 4
GATE_S = 3600.0

SCREEN_QUADS, FRESH_QUADS = (-(-2 * pairs // QUAD) for pairs in (SCREEN_PAIRS, FRESH_PAIRS))

SLOW = Plant(
    "        self._shape.settle(self.latest - self._delay)\n",
    "        self._shape.settle(self.latest - self._delay)\n"
    "        import time\n"
    "        now = time.process_time()\n"
    f"        end = now + (now - getattr(Operator, 'planted_s', now)) * {PLANTED / (1 - PLANTED):.4f}\n"
    "        while time.process_time() < end:\n"
    "            pass\n"
    "        Operator.planted_s = time.process_time()\n",
)
"""Each worker computes on for so long that all that it does takes 1 / 0.85 of its CPU."""


def record(trials: int, folder: Path) -> RunResult:
    """So many trials of each case of the suite `gate`, all of this code, in the order of a gate. Raises RuntimeError
    for one that did not pass.
    """
    wanted = asked.asked("gate", (), (), "embedded", (), report())
    code = side.candidate(ROOT)
    sides: dict[Side, side.SideCode] = {"baseline": code, "candidate": code}
    session = GateSession(wanted, sides, folder, Plain(console(sys.stdout)))
    made = []
    for _, run, _ in session.recorded(interleaved(wanted.units, trials // 2, "screen", 17), "record"):
        judged = judge_run(run)
        if wrong := [case for case in judged.cases if case.outcome != "pass"]:
            raise RuntimeError(f"{wrong[0].trial} did not pass: {wrong[0].reason}")
        made.append(judged.cases)
        session.forget(run)
    path = kept_baseline.keep(folder, "gate", judged.machine or facts.describe(None), made)
    return RunResult.model_validate_json(path.read_bytes())


Values = dict[str, list[dict[str, float]]]
"""By case, the figures of its trials in the order in which they were made."""


def values(run: RunResult) -> Values:
    found: Values = {}
    for each in of_run(run.cases):
        found.setdefault(each.case, []).append(each.figures)
    return found


def noise(known: Values) -> dict[tuple[str, str], float]:
    """By case and figure, how far one trial is from the next, as a standard deviation of one trial's logarithm."""
    found = {}
    for case, trials in known.items():
        for name in trials[0]:
            logs = np.log([trial[name] for trial in trials])
            found[case, name] = float(np.sqrt(np.mean(np.diff(logs) ** 2) / 2))
    return found


@dataclass(frozen=True)
class Drawn:
    """How many gates failed, and by what; of how many something was flagged; how many figures they had in all, and how
    many of these were inconclusive.
    """

    gates: int
    failed: int
    by: Counter[tuple[str, str]]
    flagged: int
    inconclusive: int
    of_figures: int


def draw(known: Values, gates: int, slower: float = 0.0, seed: int = 17) -> Drawn:
    """Gates from recorded trials: quads are drawn without replacement, and which two of each are the candidate's. No
    quad is in both stages. slower: the share by which the first case's rates of the candidate fall.
    """
    blocks = min(len(trials) for trials in known.values()) // QUAD
    if blocks < SCREEN_QUADS + FRESH_QUADS:
        raise ValueError(f"{blocks} quads are too few for a gate of {SCREEN_QUADS} and {FRESH_QUADS}")
    random = np.random.default_rng(seed)
    by: Counter[tuple[str, str]] = Counter()
    failed = flagged = inconclusive = of_figures = 0
    for _ in range(gates):
        made = [
            trial
            for number, (case, trials) in enumerate(known.items())
            for trial in _gate(case, trials, random, slower if number == 0 else 0.0)
        ]
        screen = Trials([each for each in made if each.stage == "screen"])
        again = to_look_at_again(screen)
        cases = {case for case, _ in again}
        found = figures(Trials([each for each in made if each.stage == "screen" or each.case in cases]), again, [])
        bad = [(each.case, each.metric) for each in found if each.verdict == "regression"]
        by.update(bad)
        failed, flagged = failed + bool(bad), flagged + bool(again)
        inconclusive += sum(each.verdict == "inconclusive" for each in found)
        of_figures += len(found)
    return Drawn(gates, failed, by, flagged, inconclusive, of_figures)


def _gate(case: str, trials: list[dict[str, float]], random: np.random.Generator, slower: float) -> list[GateTrial]:
    """A case's trials of both stages."""
    drawn = random.permutation(len(trials) // QUAD)[: SCREEN_QUADS + FRESH_QUADS]
    made = []
    for place, block in enumerate(drawn):
        fresh = place >= SCREEN_QUADS
        quad = place - SCREEN_QUADS if fresh else place
        swapped = bool(random.integers(2))
        for offset, half in enumerate((0, 0, 1, 1)):
            pair = 2 * quad + half
            if pair >= (FRESH_PAIRS if fresh else SCREEN_PAIRS):
                continue
            theirs = (offset in (1, 2)) != swapped
            figures_ = trials[block * QUAD + offset]
            if theirs and slower:
                figures_ = {name: _worse(name, value, slower) for name, value in figures_.items()}
            made.append(
                GateTrial(
                    case=case,
                    side="candidate" if theirs else "baseline",
                    stage="decision" if fresh else "screen",
                    quad=quad,
                    pair=pair,
                    outcome="pass",
                    figures=figures_,
                )
            )
    return made


def _worse(name: str, value: float, slower: float) -> float:
    return value if BY_NAME[name].lower_is_better else value * (1 - slower)


def page(run: RunResult, same: Drawn, slow: Drawn) -> str:
    """What was recorded and drawn, in Markdown."""
    known = values(run)
    counts = ", ".join(f"{len(trials)} of {case}" for case, trials in known.items())
    first = next(iter(known))
    found = sum(count for (case, _), count in slow.by.items() if case == first)
    lines = [
        "# How often a gate fails what did not change",
        "",
        f"{units.machine(run.machine) if run.machine else ''}; method version {run.method_version}; trials: {counts}; "
        "made by `tests/proofs/gate_alarms.py`.",
        "",
        f"- {same.gates:,} gates were drawn from trials of one revision: {same.failed:,} failed "
        f"({same.failed / same.gates:.2%}), and in {same.flagged:,} something was tried again.",
        f"- With rates of {first} that are {PLANTED:.0%} lower on one side, {slow.failed:,} of {slow.gates:,} failed "
        f"({slow.failed / slow.gates:.2%}; by {found / max(slow.failed, 1):.1f} figures each).",
        f"- Of {same.of_figures:,} figures {same.inconclusive:,} were inconclusive.",
        "",
        "| case | figure | noise of a trial | failed, of gates of the same code | failed, slower |",
        "| --- | --- | --- | --- | --- |",
    ]
    for (case, name), spread in noise(known).items():
        title = BY_NAME[name].title
        lines.append(f"| {case} | {title} | {spread:.1%} | {same.by[case, name]:,} | {slow.by[case, name]:,} |")
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Real:
    """What a real gate was to show, how it ended, and what it said."""

    of: str
    code: int
    result: GateResult | None


def real(of: str, plant: Plant | None, folder: Path) -> Real:
    """A gate of a clone of this repository in which something is planted and not committed, against its HEAD."""
    tree = folder / "clone"
    subprocess.run(["git", "clone", "-q", "--shared", str(ROOT), str(tree)], check=True)
    if plant is not None:
        _planted(tree / "engines" / "continuous" / plant.file, plant)
    told = os.environ | {"PYTHONPATH": str(tree), "GITHUB_BASE_REF": ""}
    # It ends if this script is ended, as by a time limit.
    tied = [sys.executable, "-P", str(Path(tether.__file__)), str(os.getpid()), sys.executable, "-P", "-m"]
    command = [*tied, "harness.cli", "gate", "--baseline", "HEAD", "--out", str(folder / "runs")]
    done = subprocess.run(command, cwd=tree, env=told, timeout=GATE_S, check=False)
    stored = [GateResult.model_validate_json(path.read_bytes()) for path in folder.glob("runs/*/gate.json")]
    shutil.rmtree(tree)
    return Real(of, done.returncode, stored[0] if stored else None)


def _planted(path: Path, plant: Plant) -> None:
    text = path.read_text()
    if text.count(plant.sound) != 1:
        raise RuntimeError(f"the sound code is not in {path}")
    path.write_text(text.replace(plant.sound, plant.faulty))


def missed(ran: Sequence[Real]) -> list[str]:
    """What the real gates did not show."""
    alarms = [each for each in ran if each.of == "the same code" and each.code not in (0,)]
    told = [f"{len(alarms)} gates of the same code did not pass"] if len(alarms) > 1 else []
    wanted = {f"{PLANTED:.0%} slower": 1, "a dropped row": 3}
    told += [f"{each.of}: exit code {each.code}" for each in ran if each.of in wanted and each.code != wanted[each.of]]
    return told


def told(ran: Sequence[Real]) -> str:
    """What each real gate said, in Markdown."""
    lines = ["# Real gates", "", "| of | exit code | took | floors | said |", "| --- | --- | --- | --- | --- |"]
    for each in ran:
        result = each.result
        floors = [figure.floor for figure in result.figures if figure.floor is not None] if result else []
        least = f"{min(floors):.1%} to {max(floors):.1%}" if floors else units.NONE
        took = f"{result.seconds / 60:.1f} min" if result else units.NONE
        said = " ".join((result.summary if result else "nothing").split()).replace("|", "\\|")[:300]
        lines.append(f"| {each.of} | {each.code} | {took} | {least} | {said} |")
    return "\n".join(lines) + "\n"


def _draw(gates: int) -> int:
    run = RunResult.model_validate_json(lzma.decompress((KEPT / f"{NAME}.json.xz").read_bytes()))
    known = values(run)
    same, slow = draw(known, gates), draw(known, max(1, gates // 10), PLANTED)
    text = page(run, same, slow)
    (KEPT / "alarms.md").write_text(text, encoding="utf-8")
    print(text)  # noqa: T201
    return int(same.failed / same.gates > MOST_ALARMS)


def _gates(counts: Sequence[int]) -> int:
    kinds = {"the same code": None, f"{PLANTED:.0%} slower": SLOW, "a dropped row": PLANTS["dropper"]}
    ran: list[Real] = []
    for (of, plant), count in zip(kinds.items(), counts, strict=True):
        for _ in range(count):
            with tempfile.TemporaryDirectory() as folder:
                ran.append(real(of, plant, Path(folder)))
            KEPT.mkdir(exist_ok=True)
            (KEPT / "real.md").write_text(told(ran), encoding="utf-8")
    print(told(ran), *missed(ran), sep="\n")  # noqa: T201
    return int(bool(missed(ran)))


def main() -> None:
    what, *numbers = sys.argv[1:] or ["record"]
    match what:
        case "record":
            with tempfile.TemporaryDirectory() as folder:
                record(int(numbers[0]) if numbers else TRIALS, Path(folder))
                stored = (Path(folder) / RESULT).read_bytes()
            KEPT.mkdir(exist_ok=True)
            (KEPT / f"{NAME}.json.xz").write_bytes(lzma.compress(stored, preset=9))
        case "draw":
            sys.exit(_draw(int(numbers[0]) if numbers else GATES))
        case "gates":
            sys.exit(_gates([int(each) for each in numbers] or [6, 4, 1]))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
