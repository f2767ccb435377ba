#!/bin/sh
# Kills a broker while transactions are being committed, starts it again, and looks for what stays open: until something does, or
# KILLS times.
#
#     KAFKA_LIBS=kafka_2.13-4.3.1/libs ./reproduce.sh alone|apart [KILLS]
#     KAFKA_VERSION=4.3.1 ./reproduce.sh alone|apart [KILLS]
#
# alone: one node is broker and controller (20 kills). apart: two brokers and a controller, three processes; the broker that is killed
# leads all partitions but coordinates no transaction, and is started again once they have had no leader for a while (3 kills).
#
# Needs a JDK 17 or later and KAFKA_LIBS, the folder libs/ of a Kafka distribution; or KAFKA_VERSION, whose jars are then fetched with mvn.
# PORT: 29092 by default, and the two after it. KEEP=1 keeps the logs. Exit code 3: transactions stayed open.
set -eu
layout=${1:-}
case $layout in
    alone) kills=${2:-20} ;;
    apart) kills=${2:-3} ;;
    *) sed -n '2,13s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
work=$(mktemp -d)
writer=
finish() {
    status=$?
    for process in $writer $(cat "$work"/*.pid 2>/dev/null); do { kill -9 "$process"; wait "$process"; } 2>/dev/null || true; done
    if [ "${KEEP:-}" ] || { [ "$status" -ne 0 ] && [ "$status" -ne 3 ]; }; then echo "logs are in $work"; else rm -rf "$work"; fi
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM
mkdir "$work/tmp"
# No files of a JVM outside of the work folder.
JAVA_TOOL_OPTIONS="-XX:-UsePerfData -Djava.io.tmpdir=$work/tmp"
export JAVA_TOOL_OPTIONS
if [ -z "${KAFKA_LIBS:-}" ]; then
    : "${KAFKA_VERSION:?set KAFKA_LIBS to the folder libs/ of a Kafka distribution, or KAFKA_VERSION to fetch it with mvn}"
    KAFKA_LIBS=$work/libs
    cat >"$work/pom.xml" <<EOF
<project><modelVersion>4.0.0</modelVersion><groupId>reproduce</groupId><artifactId>reproduce</artifactId><version>1</version><dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$KAFKA_VERSION</version></dependency>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>$KAFKA_VERSION</version></dependency>
<dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.25.4</version></dependency>
</dependencies></project>
EOF
    mvn -q -B -f "$work/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$KAFKA_LIBS" >"$work/mvn.log" 2>&1 || { cat "$work/mvn.log"; exit 1; }
fi
port=${PORT:-29092}
if [ "$layout" = alone ]; then
    nodes=1 brokers=1 controller=1 bootstrap=127.0.0.1:$port
else
    nodes='3 1 2' brokers='1 2' controller=3 bootstrap=127.0.0.1:$port,127.0.0.1:$((port + 1))
fi
run() { java -Xmx256m -cp "$work/classes:$KAFKA_LIBS/*" "$@"; }
properties() { # NODE
    case $layout$1 in
        alone1) echo "process.roles=broker,controller" && listeners="PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 2))" ;;
        apart3) echo "process.roles=controller" && listeners=CONTROLLER://127.0.0.1:$((port + 2)) ;;
        *) echo "process.roles=broker" && listeners=PLAINTEXT://127.0.0.1:$((port + $1 - 1)) ;;
    esac
    cat <<EOF
node.id=$1
controller.quorum.voters=$controller@127.0.0.1:$((port + 2))
listeners=$listeners
controller.listener.names=CONTROLLER
log.dirs=$work/data-$1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
EOF
    # Open transactions are ended soon after their time-out, while their partitions have no leader: else every 10 s.
    [ "$layout" = alone ] || echo "transaction.abort.timed.out.transaction.cleanup.interval.ms=1000"
}
start() { # NODE LOG
    java -Xmx512m -Dorg.apache.logging.log4j.level=INFO -cp "$KAFKA_LIBS/*" kafka.Kafka "$work/$1.properties" >"$work/$2" 2>&1 &
    echo $! >"$work/$1.pid"
}
await() { # NODE LOG
    tries=0
    until grep -q "Kafka Server started" "$work/$2"; do
        tries=$((tries + 1))
        if [ "$tries" -gt 600 ] || ! kill -0 "$(cat "$work/$1.pid")"; then
            echo "node $1 did not start:"; tail -5 "$work/$2"; exit 1
        fi
        sleep 0.1
    done
}
mkdir "$work/classes"
javac -cp "$KAFKA_LIBS/*" -d "$work/classes" "$here/LostMarkers.java" 2>"$work/javac.log" || { cat "$work/javac.log"; exit 1; }
echo "$(basename "$(find "$KAFKA_LIBS" -name 'kafka_2.13-*.jar' | head -1)" .jar), $layout"
id=$(run kafka.tools.StorageTool random-uuid 2>/dev/null | tail -1)
for node in $nodes; do
    properties "$node" >"$work/$node.properties"
    run kafka.tools.StorageTool format -t "$id" -c "$work/$node.properties" >"$work/format.log" 2>&1 || { cat "$work/format.log"; exit 1; }
    start "$node" "node-$node-0.log"
done
for node in $nodes; do await "$node" "node-$node-0.log"; done
kill=0
while [ "$kill" -lt "$kills" ]; do
    kill=$((kill + 1))
    : >"$work/writer.log"
    java -Xmx256m -cp "$work/classes:$KAFKA_LIBS/*" LostMarkers "$bootstrap" write >"$work/writer.log" 2>&1 &
    writer=$!
    tries=0
    until grep -q "writing to" "$work/writer.log"; do
        tries=$((tries + 1))
        if [ "$tries" -gt 600 ]; then echo "nothing was committed:"; tail -5 "$work/writer.log"; exit 1; fi
        sleep 0.1
    done
    victim=$(sed -n 's/writing to broker //p' "$work/writer.log")
    kill -9 "$(cat "$work/$victim.pid")" "$writer"
    wait "$(cat "$work/$victim.pid")" "$writer" 2>/dev/null || true
    writer=
    echo "kill $kill: broker $victim"
    if [ "$layout" = apart ]; then
        run LostMarkers "$bootstrap" lose 2>"$work/lose.log" || { echo "the partitions kept a leader"; tail -5 "$work/lose.log"; exit 1; }
    fi
    start "$victim" "node-$victim-$kill.log"
    await "$victim" "node-$victim-$kill.log"
    status=0
    run LostMarkers "$bootstrap" check 2>"$work/check.log" || status=$?
    for node in $brokers; do cat "$work/node-$node-"*.log; done | grep -o "Couldn't find leader endpoint.*" | tail -3 || true
    if [ "$status" -ne 0 ]; then
        [ "$status" -eq 3 ] || tail -5 "$work/check.log"
        exit "$status"
    fi
done
