"""Strikes as a trial's marks tell them, and what so many of them say about a guarantee (METHOD.md, "Faults")."""

from __future__ import annotations

import math
from dataclasses import dataclass

from results.history import Exposed, History, Noticed, Strike
from results.plan import TrialPlan


@dataclass(frozen=True)
class Struck:
    """One strike. Times are monotonic ns, None where it did not come to that."""

    number: int
    """Strikes of a trial are numbered from 1."""
    fault: str
    """Name of the fault."""
    aimed: str
    """What the strike was aimed at, in words."""
    detail: str
    """What was done, or why nothing was; in words, may be empty."""
    struck_ns: int | None
    """When its injection began, however long its confirmation took."""
    healed_ns: int | None
    """When it was healed for the last time."""
    noticed_ns: int | None
    """When the engine first showed that it knew, before the next strike."""
    sign: str
    """By what it showed that, in words; empty where it did not."""
    unconfirmed: str
    """Why the strike could not be confirmed; empty where it was, or was missed."""
    exposure: Exposed | None
    """What was at stake as it was injected; None where that was not recorded."""
    exposed: bool
    """Whether something was at stake that a weaker guarantee would have lost or repeated."""
    slot: int | None = None
    """Slot of the worker that was struck; None where not one was."""
    parts: tuple[int, ...] = ()
    """The slots that had a part of the job as it was chosen."""

    @property
    def missed(self) -> bool:
        """Whether nothing was done, because the aim was not met in time."""
        return self.struck_ns is None and not self.unconfirmed


def strikes(history: History) -> list[Struck]:
    """All strikes that were tried, by number."""
    marks: list[Strike] = history.of(Strike)
    return [_struck(history, number) for number in sorted({mark.number for mark in marks})]


def _struck(history: History, number: int) -> Struck:
    steps: list[Strike] = [mark for mark in history.of(Strike) if mark.number == number]
    injected = [mark for mark in steps if mark.step == "injected"]
    healed = [mark.at_ns for mark in steps if mark.step == "healed"]
    failed = [mark for mark in steps if mark.step == "unconfirmed"]
    missed = [mark.detail for mark in steps if mark.step == "missed"]
    exposure: Exposed | None = next((mark for mark in history.of(Exposed) if mark.number == number), None)
    blows = [mark for mark in history.of(Strike) if mark.step in ("injecting", "injected")]
    struck_ns = min((mark.at_ns for mark in blows if mark.number == number), default=None) if injected else None
    following = [mark.at_ns for mark in blows if mark.number > number]
    # What shows after the next blow is that one's.
    noticed = [
        mark
        for mark in history.of(Noticed)
        if mark.number == number
        and struck_ns is not None
        and struck_ns <= mark.at_ns < min(following, default=math.inf)
    ]
    plan, unconfirmed = history.plan, ""
    if failed:
        unconfirmed = failed[0].detail or "no reason was recorded"
    elif not injected and not missed:
        unconfirmed = "the trial recorded no end of it"
    return Struck(
        number=number,
        fault=steps[0].fault,
        aimed=steps[-1].aimed or steps[0].aimed,
        detail="; ".join([mark.detail for mark in injected if mark.detail] or missed),
        struck_ns=struck_ns,
        healed_ns=max(healed, default=None),
        noticed_ns=noticed[0].at_ns if noticed else None,
        sign=noticed[0].sign if noticed else "",
        unconfirmed=unconfirmed,
        exposure=exposure,
        slot=next((mark.slot for mark in steps if mark.slot is not None), None),
        parts=tuple(sorted({slot for mark in steps for slot in mark.parts})),
        exposed=bool(injected)
        and not failed
        and exposure is not None
        and exposure.at_stake(plan.log, "at-most-once" in (plan.processing_claimed, plan.delivery_claimed)) > 0,
    )


def unproven(struck: list[Struck]) -> list[str]:
    """Why strikes leave the trial without a verdict, whatever its rows are."""
    return [
        f"strike {strike.number} ({strike.fault}) could not be confirmed: {strike.unconfirmed}"
        for strike in struck
        if strike.unconfirmed
    ]


def untested(struck: list[Struck]) -> str | None:
    """Why the guarantee was not tested, or None if it was: of each worker that had a part, where they take turns."""
    if not struck:
        return "untested: no strike was tried"
    if not any(strike.exposed for strike in struck):
        return f"untested: none of {len(struck)} strike{'s' if len(struck) > 1 else ''} was exposed"
    parts = {slot for strike in struck if strike.slot is not None for slot in strike.parts}
    left = sorted(parts - {strike.slot for strike in struck if strike.exposed})
    if not left:
        return None
    tries = [sum(strike.slot == slot for strike in struck) for slot in left]
    return "untested for " + " and ".join(
        f"worker {slot} (none of {count} strike{'s' if count != 1 else ''} on it was exposed)"
        for slot, count in zip(left, tries, strict=True)
    )


def tested(plan: TrialPlan, struck: list[Struck], weakness: bool) -> str:
    """What exposed strikes say of a trial in which nothing was seen that the claims forbid.

    weakness: whether something was seen that only a weaker guarantee than exactly-once allows.
    """
    exposed = sum(strike.exposed for strike in struck)
    wanted = plan.strikes.wanted if plan.strikes else exposed
    aimed = f"{exposed} aimed strike{'s' if exposed > 1 else ''}"
    said = f"no violation seen in {aimed}"
    if exposed < wanted:
        said += f", {exposed} of {wanted} exposed strikes"
    weak = [claim for claim in (plan.delivery_claimed, plan.processing_claimed) if claim != "exactly-once"]
    if weak and not weakness:
        said += f"; weakness not shown: {weak[0]} is claimed, and neither a loss nor a repetition was seen"
    return said
