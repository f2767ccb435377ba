"""How often a gate fails what did not change, and finds what did: made by hand on a quiet machine, and not by CI.

    python -m tests.proofs.gate_alarms record [TRIALS]    so many trials (60) of each built-in runner; 40 minutes
    python -m tests.proofs.gate_alarms draw [GATES]       so many gates (10,000) drawn from these; a minute
    python -m tests.proofs.gate_alarms gates [SAME SLOW WRONG]    real gates: 6 of the same code, 4 with 15 % planted
                                                          into `continuous`, 1 with a dropped row; 90 minutes

In docs/results/gate/: `record` writes trials.json.xz, the trials as the result of a run, in the order in which they
were made; `draw` reads it and writes alarms.md, and ends with 1 if more than 5 % of the gates fail. `gates` writes
real.md with what each real one said, and ends with 1 if more than one of the same code fails, a slow one passes or a
wrong one does not end with 3. Real gates are of what is committed.

However `record` and `gates` end, also by Ctrl-C or SIGTERM, what they have made until then is kept; trials that are too
few for a gate are kept in a folder below runs/, which is told. A trial that did not pass ends `record`, and leaves its
history in that folder.
"""

from __future__ import annotations

import lzma
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

from harness.commands.consoles import console, report
from harness.display import Plain
from harness.gate import asked, side, tether
from harness.gate.order import interleaved
from harness.gate.session import GateSession
from harness.host import facts
from harness.run import new_folder
from reports import units
from results.folder import write_whole
from results.gate import kept_baseline
from results.gate.conclusion import Trials, figures, to_look_at_again
from results.gate.decision import FRESH_PAIRS, SCREEN_PAIRS
from results.gate.gate_result import GateResult, GateTrial, Side
from results.gate.gated import BY_NAME, of_run
from results.provenance import commit
from results.result import CaseResult, RunResult
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
LEAST_TRIALS = QUAD * (SCREEN_QUADS + FRESH_QUADS)
"""Of each case, for a gate."""

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


def record(trials: int, folder: Path) -> None:
    """So many trials of each case of the suite `gate`, all of this code, in the order of a gate. Raises SystemExit at
    one that did not pass, whose history stays in the folder. Whatever is raised, what was made is kept.
    """
    wanted = asked.asked("gate", (), (), "embedded", (), report())
    code = side.candidate(ROOT)
    sides: dict[Side, side.SideCode] = {"baseline": code, "candidate": code}
    session = GateSession(wanted, sides, folder, Plain(console(sys.stdout)))
    machine, made = facts.describe(None), list[Sequence[CaseResult]]()
    try:
        for _, run, _ in session.recorded(interleaved(wanted.units, trials // 2, "screen", 17), "record"):
            judged = judge_run(run)
            if wrong := [case for case in judged.cases if case.outcome != "pass"]:
                sys.exit(f"{wrong[0].trial} did not pass: {wrong[0].reason}\nits history: {run}")
            machine = judged.machine or machine
            made.append(judged.cases)
            # After each one: also where we are killed, the earlier ones are there.
            kept_baseline.keep(folder, "gate", machine, made)
            session.forget(run)
    finally:
        if made:
            hand_on(folder)


def hand_on(folder: Path) -> None:
    """Move the trials that are kept in a folder to where `draw` reads them, unless they are too few for that."""
    stored = folder / RESULT
    fewest = min(map(len, values(RunResult.model_validate_json(stored.read_bytes())).values()))
    if fewest < LEAST_TRIALS:
        print(f"{fewest} trials of a case are too few for a gate: {stored}")  # noqa: T201
        return
    write_whole(KEPT / f"{NAME}.json.xz", lzma.compress(stored.read_bytes(), preset=9))
    stored.unlink()
    with suppress(OSError):  # Not empty: there is a history to be looked at.
        folder.rmdir()


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
        for name in BY_NAME:
            logs = np.log([trial[name] for trial in trials if name in trial])
            if len(logs) > 1:
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
    of = [units.machine(run.machine) if run.machine else "", f"method version {run.method_version}"]
    of += [commit(run.provenance.checkout), f"trials: {counts}", "made by `tests/proofs/gate_alarms.py`."]
    lines = [
        "# How often a gate fails what did not change",
        "",
        "; ".join(filter(None, of)),
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
    code = _ended(command, tree, told)
    stored = [GateResult.model_validate_json(path.read_bytes()) for path in folder.glob("runs/*/gate.json")]
    shutil.rmtree(tree)
    return Real(of, code, stored[0] if stored else None)


def _ended(command: Sequence[str], folder: Path, told: Mapping[str, str]) -> int:
    """The exit code of a command. It is asked to end, and waited for, where it takes too long or we are to end."""
    with subprocess.Popen(command, cwd=folder, env=dict(told)) as child:
        try:
            return child.wait(GATE_S)
        except BaseException as stopped:
            child.terminate()
            code = child.wait()
            if isinstance(stopped, subprocess.TimeoutExpired):
                return code
            raise


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
    lines = ["# Real gates", ""]
    if first := next((each.result for each in ran if each.result), None):
        of = f"{units.machine(first.machine)}; method version {first.method_version}; commit {first.baseline.commit}"
        lines += [f"{of}; made by `tests/proofs/gate_alarms.py`.", ""]
    lines += ["| of | exit code | took | floors | said |", "| --- | --- | --- | --- | --- |"]
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
    write_whole(KEPT / "alarms.md", text.encode())
    print(text)  # noqa: T201
    return int(same.failed / same.gates > MOST_ALARMS)


def _gates(counts: Sequence[int]) -> int:
    kinds = {"the same code": None, f"{PLANTED:.0%} slower": SLOW, "a dropped row": PLANTS["dropper"]}
    ran: list[Real] = []
    for (of, plant), count in zip(kinds.items(), counts, strict=True):
        for _ in range(count):
            with tempfile.TemporaryDirectory() as folder:
                ran.append(real(of, plant, Path(folder)))
            write_whole(KEPT / "real.md", told(ran).encode())
    print(told(ran), *missed(ran), sep="\n")  # noqa: T201
    return int(bool(missed(ran)))


def _end(number: int, _frame: object) -> NoReturn:
    sys.exit(128 + number)


def main() -> None:
    what, *words = sys.argv[1:] or ["record"]
    numbers = [int(word) for word in words]
    match what, numbers:
        case "record", [] | [int()]:
            trials = numbers[0] if numbers else TRIALS
            if trials < LEAST_TRIALS or trials % QUAD:
                sys.exit(f"{trials} trials make no gates: at least {LEAST_TRIALS}, in fours")
            record(trials, new_folder(ROOT / "runs", "gate-alarms"))
        case "draw", [] | [int()]:
            sys.exit(_draw(numbers[0] if numbers else GATES))
        case "gates", [] | [int(), int(), int()]:
            sys.exit(_gates(numbers or [6, 4, 1]))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)
    main()
