"""A keyed state machine in SQL: DuckDB has no scan, so each key's events are folded list by list.

A list holds some hundred events of a key, and a recursive query hands the state on from one list to the next. What is
carried is one integer, since a fold over integers takes a tenth of the time of one over structs.
"""

from __future__ import annotations

from workloads.query import StateMachine

_LIST = 256
"""Events folded at once. The states so far are copied with each event, and each list costs a round of the recursion."""


def machine_rows(machine: StateMachine, events: str) -> str:
    """SQL for the rows: key, id, code, since, check_sum. events: SQL for key, position, time, symbol, id, check_sum."""
    # Events with other symbols change nothing, not even by their time: whether a match is over is asked by the next.
    symbols = sorted({transition.symbol for transition in machine.transitions})
    states = sorted({0} | {state for transition in machine.transitions for state in (transition.state, transition.to)})
    known = ", ".join(f"({symbol}, {number})" for number, symbol in enumerate(symbols))
    moves = ", ".join(
        f"({states.index(each.state)}, {symbols.index(each.symbol)}, {'NULL' if each.output is None else each.output})"
        for each in machine.transitions
    )
    lists = len(states)
    return f"""
        WITH RECURSIVE
        fed AS MATERIALIZED (
            SELECT given.*, known.number, row_number() OVER (PARTITION BY "key" ORDER BY position) - 1 AS n,
                time - min(time) OVER (PARTITION BY "key") AS elapsed
            FROM ({events}) AS given JOIN (VALUES {known}) AS known(symbol, number) ON given.symbol = known.symbol
        ),
        lists AS MATERIALIZED (
            SELECT "key", n // {_LIST} AS part, list([elapsed * {len(symbols)} + number] ORDER BY n) AS events
            FROM fed GROUP BY ALL
        ),
        folded AS (
            SELECT "key", CAST(-1 AS BIGINT) AS part, [CAST(0 AS BIGINT)] AS carried FROM lists GROUP BY "key"
            UNION ALL
            SELECT lists."key", lists.part,
                list_reduce(lists.events, lambda a, e: list_append(a, {_step(machine, states, symbols)}),
                    [folded.carried[-1]])
            FROM folded JOIN lists ON lists."key" = folded."key" AND lists.part = folded.part + 1
        ),
        -- Of a list of n events there are n + 1 states, the one before each event and the last.
        before AS (
            SELECT "key", part * {_LIST} + unnest(range(len(carried) - 1)) AS n, unnest(carried[:-2]) AS carried
            FROM folded WHERE part >= 0
        ),
        judged AS (
            SELECT fed.*, carried % {lists} <> 0 AND elapsed - carried // {lists} <= {machine.within_ms} AS live,
                CASE WHEN live THEN carried % {lists} ELSE 0 END AS state
            FROM fed JOIN before ON fed."key" = before."key" AND fed.n = before.n
        ),
        moved AS (
            SELECT judged.*, moves.output, last_value(CASE WHEN live THEN NULL ELSE id END IGNORE NULLS)
                OVER (PARTITION BY "key" ORDER BY n ROWS UNBOUNDED PRECEDING) AS since
            FROM judged JOIN (VALUES {moves}) AS moves(state, number, output)
                ON judged.state = moves.state AND judged.number = moves.number
        )
        SELECT "key", id, CAST(output AS BIGINT) AS code, since, check_sum FROM moved WHERE output IS NOT NULL
    """


def _step(machine: StateMachine, states: list[int], symbols: list[int]) -> str:
    """SQL for what is carried on: time of the match's begin, after the key's first, times the number of states, plus
    the state's number; 0 in state 0. a[-1] is what was carried to the event e[1] (time and symbol in the same way).
    """
    carried, event = len(states), len(symbols)
    time, symbol, began, state = f"e[1] // {event}", f"e[1] % {event}", f"a[-1] // {carried}", f"a[-1] % {carried}"
    begins = [
        f"WHEN {symbols.index(each.symbol)} THEN ({time}) * {carried} + {states.index(each.to)}"
        for each in machine.transitions
        if each.state == 0 and each.to != 0
    ]
    goes_on = [
        f"WHEN {states.index(each.state) * event + symbols.index(each.symbol)} THEN "
        + (f"({began}) * {carried} + {states.index(each.to)}" if each.to else "0")
        for each in machine.transitions
        if each.state != 0
    ]
    begun = f"CASE {symbol} {' '.join(begins)} ELSE 0 END" if begins else "0"
    moved = f"CASE ({state}) * {event} + {symbol} {' '.join(goes_on)} ELSE a[-1] END" if goes_on else "a[-1]"
    return (
        f"CAST(CASE WHEN {state} <> 0 AND {time} - {began} <= {machine.within_ms} THEN {moved} ELSE {begun} END "
        "AS BIGINT)"
    )
