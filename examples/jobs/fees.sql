-- What is due of fees.py, over the events as committed: a row for each large amount, in no order.
SELECT
    key,
    id,
    amount // 100 AS fee,
    id AS made_final_by -- its own event decides a row: so latency is known, and whether a row came too early
FROM input
WHERE amount >= 500000
