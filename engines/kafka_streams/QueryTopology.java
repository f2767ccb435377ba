import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Aggregator;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.EmitStrategy;
import org.apache.kafka.streams.kstream.Initializer;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.StreamJoined;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * The topology that answers a job's query: the DSL where it has a word for it, else the Processor API. A record's key
 * is the query's key, so nothing is repartitioned.
 *
 * <p>Windows: Kafka Streams closes a window, and drops what comes later for it, when stream time - grace >= its end,
 * stream time being the largest timestamp seen on the partition. With grace = the query's watermark delay, that is the
 * query's "watermark >= end", a partition at a time. It looks for closed windows as a record arrives, at most once a
 * second of wall time (its default).
 */
final class QueryTopology {
    private static final String WINDOWS = "windows";

    private final JsonNode job;
    private final JsonNode shape;
    private final Columns columns;
    private final Aggregates aggregates;
    private final int time;
    private final int id;
    private final int check;
    private final long delay;

    private QueryTopology(JsonNode job) {
        this.job = job;
        JsonNode query = job.get("query");
        shape = query.get("shape");
        columns = new Columns(query);
        aggregates = Aggregates.of(job.get("outputs"), columns);
        time = columns.slot(query.get("time").asText());
        id = columns.slot("id");
        check = columns.slot("check");
        delay = query.get("watermark_delay_ms").asLong();
    }

    static Topology of(JsonNode job) {
        QueryTopology made = new QueryTopology(job);
        StreamsBuilder builder = new StreamsBuilder();
        made.answer(made.prepared(builder))
                .to(
                        job.get("output").asText(),
                        Produced.with(Serdes.String(), writeOnly(Row.writer(job.get("fields")))));
        return builder.build();
    }

    private KStream<String, long[]> prepared(StreamsBuilder builder) {
        JsonNode query = job.get("query");
        KStream<String, long[]> events = builder.stream(
                job.get("input").asText(),
                Consumed.with(readOnly(keyReader()), readOnly(columns.reader()))
                        .withTimestampExtractor((record, streamTime) -> ((long[]) record.value())[time]));
        if (!query.get("where").isEmpty()) {
            Conditions where = new Conditions(query.get("where"), columns);
            events = events.filter((key, event) -> where.hold(event));
        }
        if (!query.get("derived").isEmpty()) {
            events = events.mapValues(columns::derive);
        }
        if (query.hasNonNull("deduplicate")) {
            events = events.processValues(
                    Deduplication.supplier(query.get("deduplicate"), columns, time, delay));
        }
        return events;
    }

    private KStream<String, Row> answer(KStream<String, long[]> events) {
        return switch (shape.get("kind").asText()) {
            case "project" -> projected(events);
            case "running" -> running(events);
            case "join" -> joined(events);
            case "statemachine" -> stepped(events, Step.machine(shape, columns, time, id, check));
            case "windowed" -> windowed(events, shape.get("window"));
            default -> throw new IllegalArgumentException("no translation of shape " + shape);
        };
    }

    /** A query may name id and check too; each stands once. */
    private KStream<String, Row> projected(KStream<String, long[]> events) {
        Set<Integer> slots = new LinkedHashSet<>(List.of(id));
        shape.get("fields").forEach(field -> slots.add(columns.slot(field.asText())));
        slots.add(check);
        int[] chosen = slots.stream().mapToInt(Integer::intValue).toArray();
        return events.mapValues((key, event) -> {
            long[] values = new long[chosen.length];
            for (int i = 0; i < values.length; i++) {
                values[i] = event[chosen[i]];
            }
            return new Row(key, values);
        });
    }

    /** A table without a cache: every event's update of it goes on. */
    private KStream<String, Row> running(KStream<String, long[]> events) {
        Aggregates totals = aggregates.withLast(id);
        return events.groupByKey()
                .aggregate(
                        totals::empty,
                        (key, event, state) -> totals.add(event, state),
                        Materialized.<String, long[], KeyValueStore<Bytes, byte[]>>as("totals")
                                .withKeySerde(Serdes.String())
                                .withValueSerde(Numbers.serde())
                                .withCachingDisabled())
                .toStream()
                .mapValues(Row::new);
    }

    private KStream<String, Row> stepped(KStream<String, long[]> events, Step step) {
        return events.processValues(StepProcessor.supplier(step));
    }

    private KStream<String, Row> windowed(KStream<String, long[]> events, JsonNode window) {
        return switch (window.get("kind").asText()) {
            case "tumbling" -> onGrid(events, grid(window.get("size_ms").asLong()));
            case "sliding" -> onGrid(
                    events,
                    grid(window.get("size_ms").asLong())
                            .advanceBy(Duration.ofMillis(window.get("slide_ms").asLong())));
            case "session" -> sessions(events, window.get("gap_ms").asLong());
            case "count" -> stepped(
                    events,
                    Step.counted(
                            aggregates.withLeast(id), window.get("size").asInt(), window.get("slide").asInt()));
            case "until" -> stepped(
                    events,
                    Step.until(
                            aggregates.withLeast(id), new Conditions(List.of(window.get("condition")), columns)));
            default -> throw new IllegalArgumentException("no translation of window " + window);
        };
    }

    private TimeWindows grid(long size) {
        return TimeWindows.ofSizeAndGrace(Duration.ofMillis(size), Duration.ofMillis(delay));
    }

    private KStream<String, Row> onGrid(KStream<String, long[]> events, TimeWindows grid) {
        if (!shape.hasNonNull("top")) {
            return onGrid(events, grid, aggregates::empty, (key, event, state) -> aggregates.add(event, state))
                    .toStream()
                    .map((at, state) -> row(at, at.window().end(), state));
        }
        List<String> names = new ArrayList<>();
        job.get("outputs").forEach(output -> names.add(output.get("name").asText()));
        TopItems items = new TopItems(shape.get("top"), aggregates, names, columns);
        return onGrid(events, grid, items::empty, (key, event, state) -> items.add(event, state))
                .toStream()
                .flatMap((at, state) -> items.ranked(state).stream()
                        .map(item -> row(at, at.window().end(), item))
                        .toList());
    }

    private KTable<Windowed<String>, long[]> onGrid(
            KStream<String, long[]> events,
            TimeWindows windows,
            Initializer<long[]> first,
            Aggregator<String, long[], long[]> next) {
        return events.groupByKey()
                .windowedBy(windows)
                .emitStrategy(EmitStrategy.onWindowClose())
                .aggregate(first, next, store());
    }

    /**
     * Events a whole gap apart are one session to SessionWindows, so its gap is a millisecond less; both ends are
     * inclusive there. It refuses a gap of nothing: sessions of equal times are windows of one millisecond.
     */
    private KStream<String, Row> sessions(KStream<String, long[]> events, long gap) {
        if (gap == 1) {
            return onGrid(events, grid(1));
        }
        return events.groupByKey()
                .windowedBy(SessionWindows.ofInactivityGapAndGrace(
                        Duration.ofMillis(gap - 1), Duration.ofMillis(delay)))
                .emitStrategy(EmitStrategy.onWindowClose())
                .aggregate(
                        aggregates::empty,
                        (key, event, state) -> aggregates.add(event, state),
                        (key, one, other) -> aggregates.merge(one, other),
                        store())
                .toStream()
                .map((at, state) -> row(at, at.window().end() + gap, state));
    }

    private <S extends StateStore> Materialized<String, long[], S> store() {
        Materialized<String, long[], S> store = Materialized.<String, long[], S>as(WINDOWS)
                .withKeySerde(Serdes.String())
                .withValueSerde(Numbers.serde());
        return job.hasNonNull("retention_ms")
                ? store.withRetention(Duration.ofMillis(job.get("retention_ms").asLong()))
                : store;
    }

    private static KeyValue<String, Row> row(Windowed<String> at, long end, long[] state) {
        return KeyValue.pair(
                at.key(), new Row(at.key(), Numbers.joined(new long[] {at.window().start(), end}, state)));
    }

    private KStream<String, Row> joined(KStream<String, long[]> events) {
        Conditions left = new Conditions(shape.get("left"), columns);
        Conditions right = new Conditions(shape.get("right"), columns);
        List<JsonNode> fields = new ArrayList<>();
        shape.get("fields").forEach(fields::add);
        int[] slots = fields.stream().mapToInt(field -> columns.slot(field.get("column").asText())).toArray();
        boolean[] ofLeft = new boolean[slots.length];
        for (int i = 0; i < slots.length; i++) {
            ofLeft[i] = fields.get(i).get("side").asText().equals("left");
        }
        return events.filter((key, event) -> left.hold(event))
                .join(
                        events.filter((key, event) -> right.hold(event)),
                        (String key, long[] one, long[] other) -> {
                            long[] values = new long[slots.length + 3];
                            values[0] = one[id];
                            values[1] = other[id];
                            for (int i = 0; i < slots.length; i++) {
                                values[i + 2] = (ofLeft[i] ? one : other)[slots[i]];
                            }
                            values[values.length - 1] = one[check] + other[check];
                            return new Row(key, values);
                        },
                        joinWindows(shape.get("lower_ms").asLong(), shape.get("upper_ms").asLong(), delay),
                        StreamJoined.with(Serdes.String(), Numbers.serde(), Numbers.serde()));
    }

    /**
     * An event is kept for the windows' size and grace, which is too short where both bounds lie on one side of its
     * time; the last millisecond is for an event that is as late as the delay permits.
     */
    private static JoinWindows joinWindows(long lower, long upper, long delay) {
        long reach = Math.max(Math.abs(lower), Math.abs(upper));
        long kept = Math.max(reach - (upper - lower), 0) + delay + 1;
        return JoinWindows.ofTimeDifferenceAndGrace(Duration.ofMillis(reach), Duration.ofMillis(kept))
                .before(Duration.ofMillis(-lower))
                .after(Duration.ofMillis(upper));
    }

    private static Deserializer<String> keyReader() {
        Deserializer<String> text = Serdes.String().deserializer();
        return (topic, bytes) -> {
            if (bytes == null) {
                throw new SerializationException("an event in " + topic + " has no key");
            }
            return text.deserialize(topic, bytes);
        };
    }

    private static <T> Serde<T> readOnly(Deserializer<T> deserializer) {
        return Serdes.serdeFrom(
                (topic, value) -> {
                    throw new UnsupportedOperationException("events are only read");
                },
                deserializer);
    }

    private static <T> Serde<T> writeOnly(Serializer<T> serializer) {
        return Serdes.serdeFrom(serializer, (topic, bytes) -> {
            throw new UnsupportedOperationException("rows are only written");
        });
    }
}
