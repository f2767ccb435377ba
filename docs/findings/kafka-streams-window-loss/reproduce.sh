#!/bin/sh
# Starts a broker of its own, runs WindowLoss with the default retention and with an hour's, and stops the broker.
#
#     KAFKA_LIBS=kafka_2.13-4.3.1/libs ./reproduce.sh [KILLS]
#
# Needs a JDK 17 or later and KAFKA_LIBS: the folder libs/ of a Kafka distribution (4.3.1 was used). PORT: 29092 by default.
set -eu
: "${KAFKA_LIBS:?set it to the folder libs/ of a Kafka distribution}"
kills=${1:-20}
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
work=$(mktemp -d)
broker=
finish() {
    status=$?
    [ -z "$broker" ] || { kill "$broker"; wait "$broker"; } 2>/dev/null || true
    if [ "$status" -eq 0 ]; then rm -rf "$work"; else echo "logs are in $work"; fi
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM
port=${PORT:-29092}
cat >"$work/server.properties" <<EOF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$((port + 1))
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1))
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.listener.names=CONTROLLER
log.dirs=$work/data
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
EOF
id=$(java -cp "$KAFKA_LIBS/*" kafka.tools.StorageTool random-uuid 2>/dev/null)
java -cp "$KAFKA_LIBS/*" kafka.tools.StorageTool format -t "$id" -c "$work/server.properties" >/dev/null 2>&1
java -Xmx512m -cp "$KAFKA_LIBS/*" kafka.Kafka "$work/server.properties" >"$work/broker.log" 2>&1 &
broker=$!
tries=0
until java -cp "$KAFKA_LIBS/*" org.apache.kafka.tools.TopicCommand --bootstrap-server "127.0.0.1:$port" --list >/dev/null 2>&1; do
    tries=$((tries + 1))
    if [ "$tries" -gt 20 ] || ! kill -0 "$broker"; then
        echo "the broker did not start:"; tail -5 "$work/broker.log"; exit 1
    fi
done
mkdir "$work/tmp"
javac -cp "$KAFKA_LIBS/*" -d "$work/classes" "$here/WindowLoss.java"
for retention in "" 3600; do
    # shellcheck disable=SC2086
    java -Djava.io.tmpdir="$work/tmp" -cp "$work/classes:$KAFKA_LIBS/*" WindowLoss "127.0.0.1:$port" "$kills" $retention 2>"$work/reader.log" ||
        { tail -5 "$work/reader.log"; exit 1; }
done
