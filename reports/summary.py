"""What a run says, in sentences: the answer first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from reports import recovery_text, threshold_text, units
from reports.comparison import VIOLATIONS, Comparison, Row, words
from reports.labels import labels
from reports.units import counted, number
from results.metrics import drain, latency
from results.metrics.metric import Metric
from results.metrics.statistics import INTERVAL_SAMPLES

_P99 = latency.RESULT["p99"]
_COUNTED = {"missing": "lost", "duplicate": "duplicate", "wrong": "wrong", "unexpected": "unexpected"}


def title(comparisons: Sequence[Comparison]) -> str:
    """The whole run in a sentence: were all answers right, in every one of its tables?"""
    if not comparisons:
        return "This run has no cases."
    counted = recovery_text.counted(comparisons)
    if len(comparisons) == 1:
        return " ".join(filter(None, (f"{counted}." if counted else "", headline(comparisons[0])[0])))
    said = _rightness_of_all(comparisons)
    return f"{counted}: {said[0].lower()}{said[1:]}" if counted else said


def leads(comparisons: Sequence[Comparison]) -> list[str]:
    """What follows the title, a paragraph each: what was wrong, and what is to be said of all tables."""
    if len(comparisons) == 1:
        told = [" ".join(headline(comparisons[0])[1:])]
    else:
        told = [*_wrong(comparisons), *_said_of_all(comparisons)]
    return [paragraph for paragraph in told if paragraph]


def _wrong(comparisons: Sequence[Comparison]) -> list[str]:
    """What was wrong in which table, and which thresholds were crossed there."""
    found = []
    for label, comparison in zip(labels(comparisons), comparisons, strict=True):
        wrong = [row for row in comparison.ran if row.outcome == "fail"]
        told = [f"Wrong: {'; '.join(f'{row.name}, {violations(row)}' for row in wrong)}."] if wrong else []
        told += [crossed] if (crossed := _crossed(comparison)) else []
        found += [f"{label}: {' '.join(told)}"] if told else []
    return found


def recoveries(comparisons: Sequence[Comparison]) -> list[tuple[str, str]]:
    """The label of each table with strikes (empty for the only one), and who caught up first and last."""
    named = zip(labels(comparisons), comparisons, strict=True)
    told = [(label, f"{said}.") for label, comparison in named if (said := recovery_text.ranking(comparison))]
    if any(recovery_text.kinds_differ(comparison) for comparison in comparisons):
        told.append(("", "Not all of them are set alike, or keep their state in the same kind of store."))
    return [(label, said if label else f"{said[0].upper()}{said[1:]}") for label, said in told]


def _said_of_all(comparisons: Sequence[Comparison]) -> list[str]:
    """What is to be said of several tables, each sentence once; what is said of one only stands with that one."""
    told = Counter(
        sentence
        for comparison in comparisons
        for sentence in (*_speeds(comparison), _deliveries(comparison))
        if sentence
    )
    shared = [sentence for sentence, times in told.items() if times > 1]
    apart = [sentence for sentence, times in told.items() if times == 1]
    return [" ".join([*shared, *(["More is said with each table."] if apart else [])])]


def _rightness_of_all(comparisons: Sequence[Comparison]) -> str:
    ran = [trial for comparison in comparisons for row in comparison.ran for trial in row.trials]
    wrong = [row for row in ran if row.outcome == "fail"]
    undecided = [row for row in ran if row.outcome == "unknown"]
    if not ran:
        return "Nothing could run here."
    if wrong:
        names = words(dict.fromkeys(row.name for row in wrong))
        return f"{len(wrong)} of {len(ran)} trials gave wrong results: {names}."
    kept = [row for row in ran if row.allowed]
    said = "Every engine kept what it claims" if kept else "No result was lost, duplicate or wrong"
    if undecided:
        names = words(dict.fromkeys(row.name for row in undecided))
        return f"{said}, as far as could be judged: {len(undecided)} of {len(ran)} trials could not ({names})."
    return f"{said}, in all {len(ran)} trials."


def headline(comparison: Comparison) -> list[str]:
    """Were the answers right; which threshold was crossed; who was fast among the right ones; which delivery was not
    exactly-once.
    """
    sentences = (*_rightness(comparison), _crossed(comparison), speed(comparison), _deliveries(comparison))
    return [sentence for sentence in sentences if sentence]


def _rightness(comparison: Comparison) -> Iterator[str]:
    ran = comparison.ran
    wrong = [row for row in ran if row.outcome == "fail"]
    undecided = [row for row in ran if row.outcome == "unknown"]
    repeated = [row for row in ran if row.allowed]
    if not ran:
        yield "Nothing could run here."
    elif wrong:
        yield f"{_of(wrong, ran, 'gave wrong results')}."
        yield f"What was wrong: {'; '.join(f'{row.name}, {violations(row)}' for row in wrong)}."
    elif undecided:
        yield f"{_of(undecided, ran, 'could not be judged')}."
    elif repeated:
        yield "Every engine kept what it claims."
    else:
        yield f"{_all_of(ran)} right: no result was lost, duplicate or wrong."
    if wrong and undecided:
        yield f"{words(row.name for row in undecided)} could not be judged."
    for row in repeated:
        yield f"{row.name}: {violations(row)}, as is allowed by the {row.weak_claims} that it claims."
    if ran and (idle := [row.name for row in comparison.rows if not row.ran]):
        yield f"Not run here: {words(idle)}."


def _all_of(rows: Sequence[Row]) -> str:
    """An engine that is set in several ways is one engine."""
    count = len({row.engine for row in rows})
    if len(rows) == 1:
        return "The one engine that ran was"
    if count == len(rows):
        return f"All {number(count)} engines were"
    if count == 1:
        return f"The one engine that ran was, in all {number(len(rows))} ways to set it,"
    return f"All {number(count)} engines were, in all {number(len(rows))} ways to set them,"


def _of(some: Sequence[Row], all_of_them: Sequence[Row], did: str) -> str:
    """Who did something, and how many they are; where there is one row, its name alone."""
    if len(all_of_them) == 1:
        return f"{some[0].name} {did}"
    several = len({row.engine for row in all_of_them}) < len(all_of_them)
    what = "ways to set the engines" if several else "engines"
    many = f"{number(len(some)).capitalize()} of {number(len(all_of_them))} {what}"
    return f"{many} {did}: {words(row.name for row in some)}"


def violations(row: Row) -> str:
    """How many rows were lost, duplicate or wrong, in words."""
    counts = row.counts
    return words(f"{counts[name]:,} {_COUNTED[name]}" for name in VIOLATIONS if counts[name]) or "a broken guarantee"


@dataclass(frozen=True)
class _Question:
    """A metric by which engines are ranked, and the words for it."""

    metric: Metric
    """What is compared."""
    values: str
    """Its values, in a word or two."""
    best: str
    """What the first is called, at the begin of a sentence."""
    last: str
    """What the last is called, within it."""
    show: Callable[[float | None], str]
    """A value as text."""


_QUESTIONS = (
    _Question(
        drain.RATE, "drain rates", "Fastest through the backlog", "slowest", lambda rate: units.scaled(rate, "events/s")
    ),
    _Question(_P99, "p99 latencies", "Soonest to give 99 % of its results", "latest", units.milliseconds),
)


def speed(comparison: Comparison) -> str:
    """Who was fast among those that were right, where there are trials enough to rank them; empty where one ran."""
    return " ".join(_speeds(comparison))


def _speeds(comparison: Comparison) -> list[str]:
    """The same in parts that stand by themselves."""
    right = [row for row in comparison.ran if row.outcome == "pass"]
    if len(right) < 2:
        return []
    trials = min(len(row.trials) for row in right)
    if trials < INTERVAL_SAMPLES:
        parts = [
            f"{counted(trials, 'trial').capitalize()} each: speeds are orders of magnitude, "
            f"and are not ranked. That takes {number(INTERVAL_SAMPLES)} trials."
        ]
    else:
        ranked = [sentence for like in _alike(right) for sentence in _rankings(comparison, like)]
        medians = f"Those are medians of {number(trials)} trials; where intervals overlap nothing is ranked."
        parts = [" ".join([*ranked, medians, *_noise(comparison)])] if ranked else []
    if unsure := [row.name for row in right if row.bracketed(drain.RATE) or row.bracketed(_P99)]:
        parts.append(f"Speeds in brackets say less than they seem to, and are not ranked: {words(unsure)}.")
    return parts


def _alike(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows of one kind together: who is faster is said among those only that keep their state in the same kind of
    store, and are set in the same way.
    """
    found: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        found.setdefault(row.kind, []).append(row)
    return list(found.values())


def _rankings(comparison: Comparison, rows: Sequence[Row]) -> Iterator[str]:
    """Who is first and who is last of one kind, by each question; the kind is said where there are several."""
    store, settings, _ = rows[0].kind
    several = len(_alike([row for row in comparison.ran if row.outcome == "pass"])) > 1
    told = [sentence for question in _QUESTIONS if (sentence := _ranking(comparison, rows, question))]
    if told and several:
        yield f"Of those with {settings} settings and their state in {store or 'a store that is not told'}:"
    yield from told


def _noise(comparison: Comparison) -> list[str]:
    """Below which differences a comparison is inconclusive, where the machine's noise is known."""
    known = [(question, comparison.visible_change(question.metric)) for question in _QUESTIONS]
    said = [f"{change:.1%} of {question.values}" for question, change in known if change]
    return [f"Differences below {words(said)} are inconclusive: this machine cannot see them."] if said else []


def _ranking(comparison: Comparison, rows: Iterable[Row], question: _Question) -> str:
    """Who is first and who is last, each with all that it cannot be told from; empty where no two can be compared.
    Where first and last cannot be told apart, neither is named.
    """
    metric = question.metric
    measured = [row for row in rows if row.interval(metric) is not None and not row.bracketed(metric)]
    if len(measured) < 2:
        return ""
    ordered = sorted(measured, key=lambda row: row.value(metric) or 0.0, reverse=metric.better == "higher")
    if inconclusive(comparison, ordered[0], ordered[-1], metric):
        values = f"{question.values[0].upper()}{question.values[1:]}"
        return (
            f"{values} cannot be told apart: {ordered[0].name} and {ordered[-1].name} differ by less than is seen here."
        )
    best, last = (
        [row for row in ordered if inconclusive(comparison, row, end, metric)] for end in (ordered[0], ordered[-1])
    )
    return f"{question.best} {_together(best, question)}; {question.last} {_together(last, question)}."


def inconclusive(comparison: Comparison, one: Row, other: Row, metric: Metric) -> bool:
    """Whether two medians cannot be told apart: their intervals have a value in common, or they differ by less than the
    machine was seen to differ from itself.
    """
    mine, its = one.interval(metric), other.interval(metric)
    if mine is not None and its is not None and mine[0] <= its[1] and its[0] <= mine[1]:
        return True
    first, second = one.value(metric) or 0.0, other.value(metric) or 0.0
    return abs(first - second) < comparison.visible_change(metric) * min(abs(first), abs(second))


def _together(rows: Sequence[Row], question: _Question) -> str:
    named = words(f"{row.name} ({question.show(row.value(question.metric))})" for row in rows)
    return f"was {named}" if len(rows) == 1 else f"were {named}, which cannot be told apart"


def _deliveries(comparison: Comparison) -> str:
    weaker = [row for row in comparison.ran if row.claimed != "exactly-once" and comparison.guarantee == "exactly-once"]
    if not weaker:
        return ""
    by_claim: dict[str, list[str]] = {}
    for row in weaker:
        by_claim.setdefault(row.claimed, []).append(row.name)
    said = (f"{words(names)} promise{'s' if len(names) == 1 else ''} {claim} only" for claim, names in by_claim.items())
    return f"Exactly-once delivery was asked of all; {words(said)}."


def _crossed(comparison: Comparison) -> str:
    """Which thresholds are not met; empty where all are, or there are none."""
    crossed, undecided = (
        [check for check in comparison.thresholds if check.state == state] for state in ("crossed", "undecided")
    )
    said = [f"Thresholds that were crossed: {'; '.join(map(threshold_text.in_words, crossed))}."] if crossed else []
    if undecided:
        said.append(f"{number(len(undecided)).capitalize()} of {number(len(comparison.thresholds))} are not decided.")
    return " ".join(said)
