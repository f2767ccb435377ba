"""METHOD.md quotes the constants of the code: whoever changes one of them changes the other."""

# ruff: noqa: RUF001  # METHOD.md has typographic signs.

from __future__ import annotations

import re
import tomllib

import pytest

from engines.kafka_streams.configuration import _OWN_COMMIT_MS
from engines.spark.settings import _LEAST_OVERHEAD_MB
from harness.calibration import BACKLOGS, FRESH_S, MEASURED_S, SAMPLE_EVENTS, WARMUP_S
from harness.host.disk import SIZE_MB
from harness.instruments.collector import GAP_S
from harness.instruments.decoys import DECOYS
from harness.instruments.sampler import PSS_S, SAMPLE_S
from harness.planning.suite import SWEEP, WARM_S, SearchTable
from harness.probing import FIRST_SHARE
from harness.problem import ExitCode
from harness.quiescence import STILL_INTERVALS, STILL_S
from harness.strikes.campaign import BEHIND_S, POINTS, RECOVER_S, STEADY_S, WRITTEN_NS
from harness.trial import DECOYS_WARMUP_S
from results.calibration import CEILING_SHARE, FLOOR_TIMES
from results.evidence.append_times import RESOLUTION_MS
from results.evidence.gaps import STALLED_MS
from results.evidence.samples import HOLE_S
from results.evidence.wall_clock import SLEPT_S, STEP_MS
from results.gate.decision import FOUND, FRESH_P, FRESH_PAIRS, SCREEN_P, SCREEN_PAIRS, SCREEN_SHARE
from results.gate.gated import GATED
from results.history import METHOD_VERSION, MOST_PART_BYTES
from results.manifest import SINCE
from results.metrics.foreign import CPU_PERCENT, SHORT_S, SPEEDS_PERCENT, WAITED_PERCENT
from results.metrics.json_share import SAMPLES_NEEDED
from results.metrics.jvm import NOTED
from results.metrics.kept_up import BEHIND_COMMITS, INTERVALS_NEEDED
from results.metrics.latency import CLOSINGS_NEEDED
from results.metrics.latency_steadiness import LEAST_POINTS
from results.metrics.latency_steadiness import POINTS as PARTS_OF_INTERVAL
from results.metrics.statistics import INTERVAL, INTERVAL_SAMPLES, RESAMPLES, needed
from results.metrics.steadiness import LEAST_S
from results.metrics.steadiness import STEADY as SAME_CORES
from results.metrics.stops import LATE_S, STOPPED_S
from results.metrics.strike_results import _SECOND_NS, _STEP_NS, BAND, BASELINE_ROWS, STEADY
from results.metrics.warm_up import APART_INTERVALS
from results.metrics.warmness import DOUBLING_BEFORE
from results.noise import CHANCE
from results.rate_search import (
    BEHIND_MS,
    BREAKS,
    COMMITS_NEEDED,
    CUT_S,
    FACTOR,
    HOLDS,
    STEP,
    UPS,
)
from results.verdict.audit import EVERY_SET, MOST_TIMES, SCATTERED, SCATTERED_AMONG
from results.verdict.explanation import CAUSES, THOROUGH
from results.verdict.late import MOST_LATE
from results.verdict.offences import EXPLAINED
from results.verdict.pairing import PAIRED
from results.verdict.succession import FRUITLESS, LOOK_BACK, MOST_LOST
from results.warmth import ENOUGH, GROWTH, LASTS_S, LEAST, LEAST_INTERVALS, MOST, OVERDRAWN
from tests.tidy.sources import text_of
from workloads.query import WATERMARK_MARGIN_MS
from workloads.regular_file import MOST_TEXT_BYTES
from workloads.stream import CHECK_BITS, CONTROL
from workloads.workload import discover

WORDS = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 10: "ten"}
TENTHS = {10: "tenths"}
S_NS = 1_000_000_000

_SEARCH = SearchTable(how="search")
_QUICK = tomllib.loads(text_of("harness/suites/quick.toml"))

QUOTED = (
    f"after equal backlogs that warm it ({WARM_S:g} s at most)",
    f"passes {SWEEP:g} as fast as wall time in each of them",
    f"The first {_SEARCH.settle:g} s are thrown away, {_SEARCH.probe:g} s are judged, and {_SEARCH.confirm:g} s of a",
    f"above {100 * BREAKS:g} % of the load for {CUT_S:g} s",
    f"of fewer than {WORDS[COMMITS_NEEDED]} commits none is told",
    f"The slope is below {100 * HOLDS:g} % of the load",
    f"the suite's bound ({WORDS[int(_SEARCH.p99_intervals)]} commit intervals unless set;",
    f"it was later than {BEHIND_MS:g} ms stand in brackets",
    f"from {FIRST_SHARE:g} of the drain's rate up or down by a factor of {FACTOR:g}",
    f"at most {100 * STEP:g} % apart",
    f"that it fails {100 * STEP:g} % above; where that holds, it goes up, {('once', 'twice')[UPS - 1]} at most",
    f"`memoryOverhead` (a tenth of the heap, {_LEAST_OVERHEAD_MB} MiB at least)",
    f"Kafka Streams: {_OWN_COMMIT_MS['exactly-once']} ms exactly-once",
    f"{_OWN_COMMIT_MS['at-least-once'] // 1000} s at-least-once; Spark",
    f"Method version {METHOD_VERSION}.",
    f"p99, or its median in the last second, exceeds {BEHIND_MS:g} ms",
    f"The event rate is {SWEEP:g} of the paced rate unless a suite says otherwise",
    f"With the slower event rate, {1 / (1 - SWEEP):.0f} closings sweep through all of its points once",
    f"The watermark delay is the disorder bound plus {WORDS[WATERMARK_MARGIN_MS // 1000]} second",
    f"the sum of their checks ({CHECK_BITS} bits, a function of the id)",
    f"keys that begin with `{CONTROL}`",
    f"of more than {GAP_S:g} s between two looks",
    f"where they are more than {STALLED_MS:g} ms apart the figure has both",
    f"taken together, one to one, as a wrong row (of the first {PAIRED:,} unexpected rows)",
    f"events that count twice (up to {WORDS[MOST_TIMES + 1]} times)",
    f"any set (up to {EVERY_SET} events in the window)",
    f"up to {WORDS[SCATTERED]} scattered events or all but {WORDS[SCATTERED]} (up to {SCATTERED_AMONG})",
    f"beyond the first {THOROUGH} such rows",
    f"after {WORDS[FRUITLESS]} rows of a key that nothing explains",
    f"Beyond the first {EXPLAINED:,} rows with a wrong audit of a phase kind, and as many unexpected ones",
    f"what is lost from one (up to {MOST_LOST} events), or in it again (of its own and the {LOOK_BACK} before)",
    f"Of at most {CAUSES:,} wrong rows a cause beyond their own events is looked for",
    f"Every subset is tried of at most {MOST_LATE} late events",
    f"in the middle of a paced warm-up of at least {WORDS[int(DECOYS_WARMUP_S)]} seconds, up to {DECOYS} *decoys*",
    f"no change for the larger of {WORDS[STILL_INTERVALS]} commit intervals and {STILL_S:g} s",
    f"would be appended more than {RESOLUTION_MS} ms after it was visible",
    f"p99.9 needs {needed('99.9'):,} rows, and all of them at least {CLOSINGS_NEEDED} distinct closings",
    f"or {CLOSINGS_NEEDED} rows where there are no closings",
    f"a tmpfs of {SIZE_MB} MiB from the start",
    f"at a point of the commit interval from {min(POINTS):g} to {max(POINTS):g}, seeded",
    f"has given for {STEADY_S:g} s as many rows as in as long a time before the first strike",
    f"but for what is worth {BEHIND_S:g} s and a commit interval",
    f"at the latest after {RECOVER_S['tuned']:g} s, or {RECOVER_S['default']:g} s with default time-outs",
    f"it is the first look {WRITTEN_NS / S_NS:g} s after the blow",
    f"visible before it; at least {BASELINE_ROWS} of them",
    f"on a grid of {_STEP_NS / S_NS:g} s, from which on {WORDS[STEADY]} successive slots of a second",
    f"p99 ≤ {BAND:g} × the baseline's p99 + one commit interval",
    f"lag ≤ {BAND:g} × the baseline's largest",
    f"the {float(INTERVAL[1]) - float(INTERVAL[0]):g} % interval of the median by the bootstrap percentile method",
    f"({RESAMPLES:,} resamples, seeded)",
    f"Of fewer than {WORDS[INTERVAL_SAMPLES]} strikes there is the range",
    f"its interval is the {float(INTERVAL[1]) - float(INTERVAL[0]):g} % one of the bootstrap percentile method",
    f"Of fewer than {WORDS[INTERVAL_SAMPLES]} trials there is the range; of {WORDS[INTERVAL_SAMPLES]}, the interval",
    f"none is of fewer than {WORDS[INTERVAL_SAMPLES]} trials",
    f"finds due in the first {SAMPLE_EVENTS:,} events",
    f"over {MEASURED_S:g} s at the case's rate after {WARMUP_S:g} s",
    f"events of a backlog of {BACKLOGS[-1]:,}, after one of {BACKLOGS[0]:,}",
    f"A drain rate above {CEILING_SHARE:g} of the ceiling",
    f"a latency (p50, p99) within {FLOOR_TIMES:g} times the floor",
    f"two groups of {WORDS[INTERVAL_SAMPLES]} are drawn with replacement, {RESAMPLES:,} times, seeded",
    f"stays below in {CHANCE} % of these draws",
    f"Histories of methods before {SINCE} have no manifest",
    f"never more than {HOLE_S:g} s apart",
    f"up to {MOST_TEXT_BYTES >> 20} MiB each, a part of a table up to {MOST_PART_BYTES >> 30} GiB",
    f"From {SPEEDS_PERCENT:g} % of both together, speeds of that phase",
    f"stand in brackets from {CPU_PERCENT:g} %. They were seen to move",
    f"Of a phase under {SHORT_S:g} s it *cannot be told*",
    f"Of fewer than {SAMPLES_NEEDED} stacks none is told",
    f"where what is not the run's reaches {SPEEDS_PERCENT:g} %",
    f"waited for a CPU for {WAITED_PERCENT:g} % of the time in which they could run",
    f"waited for one for {WAITED_PERCENT:g} % of the phase",
    f"Where a quota holds the run back for {SPEEDS_PERCENT:g} % of a phase",
    f"if more than {WORDS[BEHIND_COMMITS]} commits' worth were left after its first commit",
    f"It takes {WORDS[INTERVALS_NEEDED]} commit intervals, and no strikes",
    f"finds stopped for {STOPPED_S:g} s or more",
    f"does not look for {'a second' if LATE_S == 1 else LATE_S}",
    f"threads that compile took {100 * NOTED:g} % or more of the CPU of a broker",
    f"a difference that grew by {SLEPT_S:g} s or more between two samples is a sleep",
    f"a difference that moves by {STEP_MS:g} ms or more between two samples",
    f"ends a command with exit code {ExitCode.INCONCLUSIVE}",
    f"Equal backlogs follow each other, at least {LEAST}, until",
    f"events per CPU-second grew by less than {100 * GROWTH:g} % over the last doubling of events",
    f"The least number is drained beyond it, up to {OVERDRAWN} times the budget, and there are never more than {MOST}",
    f"and in {LASTS_S:g} s at least. It has no more than",
    f"Where it lasted less than {ENOUGH:g} of that",
    f"Of fewer than {LEAST_INTERVALS} commit intervals the rate stands in brackets",
    f"Of less than {LASTS_S:g} s the figures of CPU do as well",
    f"From {CPU_PERCENT:g} % beside all equal backlogs, growth does not show",
    f"Histories of methods before {DOUBLING_BEFORE} have doubling backlogs",
    f"they must be {APART_INTERVALS} commit intervals apart",
    f"`quick` has an event rate of {_QUICK['event_share']:g} of the paced rate",
    f"in {LEAST_POINTS} of the {TENTHS[PARTS_OF_INTERVAL]} both halves must have rows",
    f"From {100 * NOTED:g} % on, JIT and GC together are a note",
    f"halves shorter than {LEAST_S:g} s are not compared",
    f"Where they differ by more than {100 * SAME_CORES:g} %, the result says *not steady*",
    f"CPU and RSS every {SAMPLE_S:g} s, PSS every {WORDS[int(PSS_S)]} seconds",
    f"Allowed are {100 * GATED[0].limit:g} % less of `{GATED[0].names[0]}` and of `{GATED[1].names[0]}`",
    f"and {100 * GATED[2].limit:g} % more of `{GATED[2].name}`",
    f"Of {SCREEN_PAIRS} pairs of each case, a figure is *flagged*",
    f"has p < {SCREEN_P:g} and the change is above {SCREEN_SHARE:g} of its limit",
    f"Of {FRESH_PAIRS} fresh pairs of each flagged case",
    f"over the flagged ones [HO] is at most {FRESH_P:g}, and",
    f"would have found in {FOUND:g} of sessions",
    f"of {FRESH_PAIRS} pairs its smallest p is 1 in {2**FRESH_PAIRS}",
)
"""What METHOD.md says with a constant of the code in it."""

OF_NO_CODE = (
    "a median of 0.2 s and of 1.0 s in two trials",  # What one engine showed.
    "by 5 to 30 % beside other work",  # What was seen.
    "which err by 1 to 2 % there",
    "(9 s, Kafka's default)",
    "(KAFKA-20734; 4.2 does not)",
    "Kafka 4.3.0 to 4.4.0 leave transactions",  # The versions in which the fault of Kafka was seen or read.
    "2.5 to 6.4 times as many were seen",
    "Spark stood at 32.7 k and 34.7 k before it jumped to 52.8 k",
    "threads that compile (C1, C2, JVMCI) and that collect garbage (of G1,",
    "fits 64 bits",
    "below 2^63",
    "exceed 32 bits",
    "integers of 64 bits",
    "the SHA-256 of",
    "0 means that the band was never left",
    "max(0, baseline rate − rate)",
)
"""What METHOD.md says with a number that is no constant of ours."""


def method() -> str:
    """The text without its line breaks, up to the list of metrics, which has a test of its own."""
    return " ".join(text_of("METHOD.md").partition("## Metrics")[0].split())


@pytest.mark.parametrize("quoted", QUOTED)
def test_the_method_says_what_the_code_does(quoted: str) -> None:
    assert quoted in method()


def test_every_number_of_the_method_is_held() -> None:
    text = method()
    for known in (*QUOTED, *OF_NO_CODE):
        assert known in text
        text = text.replace(known, "")
    assert re.findall(r"[^.:;]*(?<![\w`])\d[^.:;]*", text) == []


def test_a_calibration_is_kept_for_a_day() -> None:
    assert "used again for a day" in method()
    assert FRESH_S == 24 * 3600


def test_slots_are_a_second() -> None:
    assert _SECOND_NS == S_NS


@pytest.mark.parametrize("name", discover())
def test_a_watermark_delay_is_what_the_method_says(name: str) -> None:
    workload = discover()[name]
    query = workload.query(workload.defaults)
    within_ms = query.deduplicate.within_ms if query.deduplicate else 0
    disorder_ms = int(workload.defaults.get("disorder_ms", 0))
    assert query.watermark_delay_ms == max(disorder_ms + WATERMARK_MARGIN_MS, within_ms)
