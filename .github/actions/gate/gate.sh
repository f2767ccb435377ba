#!/usr/bin/env bash
# Runs the gate as the action's inputs say, in the folder of the step, and says how it ended in the step's output `code`.
# Ends with 0 itself, so that what was found can be kept before the job fails. What is for readers goes to found/.
set -uo pipefail

words=(gate --suite "$GATE_SUITE" --log "$GATE_LOG" --out "$GATE_FOLDER/runs")
# What others changed on that branch meanwhile is not this change's. Where it is not there, the gate says so.
[ -n "$GATE_BASELINE" ] || [ -z "$GATE_BASE" ] || GATE_BASELINE=$(git merge-base "$GATE_BASE" HEAD || echo "$GATE_BASE")
[ -z "$GATE_BASELINE" ] || words+=(--baseline "$GATE_BASELINE")
read -ra engines <<<"$GATE_ENGINES"
for engine in "${engines[@]}"; do words+=(--engine "$engine"); done
read -ra workloads <<<"$GATE_WORKLOADS"
for workload in "${workloads[@]}"; do words+=(--workload "$workload"); done
[ "$GATE_STRICT" != true ] || words+=(--strict)
[ "$GATE_ALLOW_MISSING" != true ] || words+=(--allow-missing-baseline)

# The action stands in .github/actions/gate of a checkout of Streamgauge.
command=("$GITHUB_ACTION_PATH/../../../bench")
[ -z "$GATE_COMMAND" ] || read -ra command <<<"$GATE_COMMAND"

rm -rf "$GATE_FOLDER"
mkdir -p "$GATE_FOLDER/runs" "$GATE_FOLDER/found"
"${command[@]}" "${words[@]}"
code=$?
# One folder at most, the gate's own; its trials are large and stay here.
for name in gate.json gate.md junit.xml; do
    cp "$GATE_FOLDER"/runs/*/"$name" "$GATE_FOLDER/found/" 2>/dev/null
done
printf '%s\n' "$code" >"$GATE_FOLDER/found/code.txt"
printf 'code=%s\n' "$code" >>"$GITHUB_OUTPUT"
