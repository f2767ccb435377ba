#!/bin/sh
# Counts the windows that Kafka Streams loses as it emits on window close; WindowLoss.java says how.
#
#     KAFKA_LIBS=kafka_2.13-4.3.1/libs ./reproduce.sh [driver|broker|kills ...]
#     KAFKA_VERSION=4.3.1 ./reproduce.sh [driver|broker|kills ...]
#
# driver: TopologyTestDriver, no broker. broker: a broker of its own, 30 s of load (LOAD: seconds). Nothing fails in either: this is what runs
# if nothing is named. kills: 10 kills (KILLS) of an instance, with the default retention and with an hour's.
#
# Needs a JDK 17 or later and KAFKA_LIBS, the folder libs/ of a Kafka distribution; or KAFKA_VERSION, whose jars are then fetched with mvn.
# PORT: 29092 by default, and the one after it. KEEP=1 keeps the logs.
set -eu
for part in "$@"; do
    case $part in
        driver | broker | kills) ;;
        *) sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
done
[ $# -gt 0 ] || set -- driver broker
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
work=$(mktemp -d)
broker= program=
finish() {
    status=$?
    # The program ends the instances that it started as it is told to end itself.
    for process in $program $broker; do { kill "$process"; wait "$process"; } 2>/dev/null || true; done
    if [ "${KEEP:-}" ] || [ "$status" -ne 0 ]; then echo "logs are in $work"; else rm -rf "$work"; fi
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM
mkdir "$work/tmp" "$work/classes"
# No files of a JVM outside of the work folder.
JAVA_TOOL_OPTIONS="-XX:-UsePerfData -Djava.io.tmpdir=$work/tmp"
export JAVA_TOOL_OPTIONS
if [ -z "${KAFKA_LIBS:-}" ]; then
    : "${KAFKA_VERSION:?set KAFKA_LIBS to the folder libs/ of a Kafka distribution, or KAFKA_VERSION to fetch it with mvn}"
    KAFKA_LIBS=$work/libs
    cat >"$work/pom.xml" <<EOF
<project><modelVersion>4.0.0</modelVersion><groupId>reproduce</groupId><artifactId>reproduce</artifactId><version>1</version><dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$KAFKA_VERSION</version></dependency>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-streams-test-utils</artifactId><version>$KAFKA_VERSION</version></dependency>
</dependencies></project>
EOF
    mvn -q -B -f "$work/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$KAFKA_LIBS" >"$work/mvn.log" 2>&1 || { cat "$work/mvn.log"; exit 1; }
fi
port=${PORT:-29092}
start() {
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
    id=$(java -cp "$KAFKA_LIBS/*" kafka.tools.StorageTool random-uuid 2>/dev/null | tail -1)
    java -cp "$KAFKA_LIBS/*" kafka.tools.StorageTool format -t "$id" -c "$work/server.properties" >"$work/format.log" 2>&1
    java -Xmx512m -cp "$KAFKA_LIBS/*" kafka.Kafka "$work/server.properties" >"$work/broker.log" 2>&1 &
    broker=$!
    tries=0
    # Its own listener answers once it has started.
    until java -cp "$work/classes:$KAFKA_LIBS/*" WindowLoss ready "127.0.0.1:$port" 2>"$work/ready.log"; do
        tries=$((tries + 1))
        if [ "$tries" -gt 20 ] || ! kill -0 "$broker"; then
            echo "the broker did not start:"; tail -5 "$work/broker.log"; exit 1
        fi
    done
}
run() {
    java -Xmx512m -cp "$work/classes:$KAFKA_LIBS/*" WindowLoss "$@" 2>"$work/program.log" &
    program=$!
    status=0
    wait "$program" || status=$?
    program=
    [ "$status" -eq 0 ] || { tail -5 "$work/program.log"; exit "$status"; }
    echo
}
javac -cp "$KAFKA_LIBS/*" -d "$work/classes" "$here/WindowLoss.java" 2>"$work/javac.log" || { cat "$work/javac.log"; exit 1; }
for part in "$@"; do
    if [ "$part" != driver ] && [ -z "$broker" ]; then start; fi
    case $part in
        driver) run driver ;;
        broker) run broker "127.0.0.1:$port" "${LOAD:-30}" ;;
        kills)
            run kills "127.0.0.1:$port" "${KILLS:-10}"
            run kills "127.0.0.1:$port" "${KILLS:-10}" 3600
            ;;
    esac
done
