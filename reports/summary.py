"""What a run says, in sentences: the answer first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from reports import units
from reports.comparison import VIOLATIONS, Comparison, Row, words
from results.metrics import drain, latency
from results.metrics.metric import Metric

_P99 = latency.RESULT["p99"]
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_COUNTED = {"missing": "lost", "duplicate": "duplicate", "wrong": "wrong", "unexpected": "unexpected"}


def title(comparisons: Sequence[Comparison]) -> str:
    """The whole run in a sentence: were all answers right, in every one of its tables?"""
    if not comparisons:
        return "This run has no cases."
    if len(comparisons) == 1:
        return headline(comparisons[0])[0]
    ran = [row for comparison in comparisons for row in comparison.ran]
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
    """Were the answers right; who was fast among the right ones; which delivery was not exactly-once."""
    sentences = (*_rightness(comparison), _speed(comparison), _deliveries(comparison))
    return [sentence for sentence in sentences if sentence]


def _rightness(comparison: Comparison) -> Iterator[str]:
    ran = comparison.ran
    wrong = [row for row in ran if row.outcome == "fail"]
    undecided = [row for row in ran if row.outcome == "unknown"]
    repeated = [row for row in ran if row.allowed]
    if not ran:
        yield "Nothing could run here."
    elif wrong:
        yield f"{_of(wrong, ran)} gave wrong results: {words(row.name for row in wrong)}."
        yield f"What was wrong: {'; '.join(f'{row.name}, {_violations(row)}' for row in wrong)}."
    elif undecided:
        yield f"{_of(undecided, ran)} could not be judged: {words(row.name for row in undecided)}."
    elif repeated:
        yield "Every engine kept what it claims."
    else:
        yield f"{'The one engine that ran' if len(ran) == 1 else f'All {_number(len(ran))} engines'} " + (
            f"{'was' if len(ran) == 1 else 'were'} right: no result was lost, duplicate or wrong."
        )
    if wrong and undecided:
        yield f"{words(row.name for row in undecided)} could not be judged."
    for row in repeated:
        yield f"{row.name}: {_violations(row)}, as is allowed by the {row.weak_claims} that it claims."
    if ran and (idle := [row.name for row in comparison.rows if not row.ran]):
        yield f"Not run here: {words(idle)}."


def _of(some: Sequence[Row], all_of_them: Sequence[Row]) -> str:
    return f"{_number(len(some)).capitalize()} of {_number(len(all_of_them))} engines"


def _violations(row: Row) -> str:
    counts = row.counts
    return words(f"{counts[name]:,} {_COUNTED[name]}" for name in VIOLATIONS if counts[name]) or "a broken guarantee"


def _speed(comparison: Comparison) -> str:
    right = [row for row in comparison.ran if row.outcome == "pass"]
    if len(right) < 2:
        return ""
    parts = []
    drained = _ranked(right, drain.RATE)
    if len(drained) > 1:
        first, last = drained[-1], drained[0]
        parts.append(
            f"Fastest through the backlog was {first.name}, at {units.scaled(first.value(drain.RATE), 'events/s')}; "
            f"slowest was {last.name}, at {units.scaled(last.value(drain.RATE), 'events/s')}."
        )
    prompt = _ranked(right, _P99)
    if len(prompt) > 1:
        first, last = prompt[0], prompt[-1]
        parts.append(
            f"99 % of results could be read within {units.milliseconds(first.value(_P99))} from {first.name}, "
            f"within {units.milliseconds(last.value(_P99))} from {last.name}."
        )
    if unsure := [row.name for row in right if row.bracketed(drain.RATE) or row.bracketed(_P99)]:
        parts.append(f"Speeds in brackets say less than they seem to, and are not ranked: {words(unsure)}.")
    return " ".join(parts)


def _ranked(rows: Iterable[Row], metric: Metric) -> list[Row]:
    """Rows that have the metric, its smallest value first; without those whose value stands in brackets."""
    told = (row for row in rows if not row.bracketed(metric))
    measured = [(value, row) for row in told if (value := row.value(metric)) is not None]
    return [row for _, row in sorted(measured, key=lambda pair: pair[0])]


def _deliveries(comparison: Comparison) -> str:
    weaker = [row for row in comparison.ran if row.claimed != "exactly-once" and comparison.guarantee == "exactly-once"]
    if not weaker:
        return ""
    return (
        f"Exactly-once delivery was asked of all; {words(f'{row.name} promises {row.claimed} only' for row in weaker)}."
    )


def _number(count: int) -> str:
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)
