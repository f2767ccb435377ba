#!/bin/sh
# Kills a single broker with its controller while transactions are being committed, starts it again, and looks for what stays open:
# until something does, or KILLS times (20).
#
#     KAFKA_LIBS=kafka_2.13-4.3.1/libs ./reproduce.sh [KILLS]
#
# Needs a JDK 17 or later and KAFKA_LIBS: the folder libs/ of a Kafka distribution (4.3.1 was used). PORT: 29092 by default.
# Exit code 3: transactions stayed open.
set -eu
: "${KAFKA_LIBS:?set it to the folder libs/ of a Kafka distribution}"
kills=${1:-20}
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
work=$(mktemp -d)
broker= writer=
finish() {
    status=$?
    for process in $writer $broker; do { kill -9 "$process"; wait "$process"; } 2>/dev/null || true; done
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
EOF
start() {
    java -Xmx512m -Dorg.apache.logging.log4j.level=INFO -cp "$KAFKA_LIBS/*" kafka.Kafka "$work/server.properties" >"$work/$1" 2>&1 &
    broker=$!
    tries=0
    until java -cp "$KAFKA_LIBS/*" org.apache.kafka.tools.TopicCommand --bootstrap-server "127.0.0.1:$port" --list >/dev/null 2>&1; do
        tries=$((tries + 1))
        if [ "$tries" -gt 20 ] || ! kill -0 "$broker"; then
            echo "the broker did not start:"; tail -5 "$work/$1"; exit 1
        fi
    done
}
id=$(java -cp "$KAFKA_LIBS/*" kafka.tools.StorageTool random-uuid 2>/dev/null)
java -cp "$KAFKA_LIBS/*" kafka.tools.StorageTool format -t "$id" -c "$work/server.properties" >/dev/null 2>&1
javac -cp "$KAFKA_LIBS/*" -d "$work/classes" "$here/LostMarkers.java"
start broker-0.log
kill=0
while [ "$kill" -lt "$kills" ]; do
    kill=$((kill + 1))
    java -cp "$work/classes:$KAFKA_LIBS/*" LostMarkers "127.0.0.1:$port" write >"$work/writer.log" 2>&1 &
    writer=$!
    tries=0
    until grep -q writing "$work/writer.log"; do
        tries=$((tries + 1))
        if [ "$tries" -gt 600 ]; then echo "nothing was committed:"; tail -5 "$work/writer.log"; exit 1; fi
        sleep 0.1
    done
    kill -9 "$broker" "$writer"
    wait "$broker" "$writer" 2>/dev/null || true
    writer=
    start "broker-$kill.log"
    echo "kill $kill"
    status=0
    java -cp "$work/classes:$KAFKA_LIBS/*" LostMarkers "127.0.0.1:$port" check 2>"$work/check.log" || status=$?
    grep -o "Couldn't find leader endpoint.*" "$work/broker-$kill.log" || true
    if [ "$status" -ne 0 ]; then exit "$status"; fi
done
