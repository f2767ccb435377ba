import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Collectors;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.CloseOptions;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.EmitStrategy;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.state.RocksDBConfigSetter;
import org.apache.kafka.streams.state.WindowStore;
import org.rocksdb.BlockBasedTableConfig;
import org.rocksdb.Cache;
import org.rocksdb.LRUCache;
import org.rocksdb.Options;
import org.rocksdb.RocksDB;
import org.rocksdb.WriteBufferManager;

/**
 * One instance of a Kafka Streams application that answers a query: {@code java WindowedQuery job.json}.
 *
 * <p>Windows: Kafka Streams closes a window, and drops what comes later for it, when stream time - grace >= its end,
 * stream time being the largest timestamp seen on the partition. With grace = the query's watermark delay, that is the
 * query's "watermark >= end", a partition at a time. It looks for closed windows as a record arrives, at most once a
 * second of wall time (its default).
 *
 * <p>Prints {@code assigned PID PARTITION ...} whenever it is running, and without partitions while it rebalances.
 */
public final class WindowedQuery {
    private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(10);

    public static void main(String[] arguments) throws Exception {
        JsonNode job = new ObjectMapper().readTree(new File(arguments[0]));
        BoundedRocksDB.limit(job.get("rocksdb_bytes").asLong());
        Properties settings = new Properties();
        job.get("settings").properties().forEach(entry -> settings.put(entry.getKey(), entry.getValue().asText()));

        KafkaStreams streams = new KafkaStreams(topology(job), settings);
        CountDownLatch ended = new CountDownLatch(1);
        streams.setStateListener((now, before) -> {
            if (now == KafkaStreams.State.RUNNING) {
                report(partitions(streams));
            } else if (now == KafkaStreams.State.REBALANCING) {
                report("");
            } else if (now == KafkaStreams.State.ERROR) {
                ended.countDown();
            }
        });
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        // The whole job stops: leaving the group spares its next start the wait for this session's time-out.
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(
                CloseOptions.groupMembershipOperation(CloseOptions.GroupMembershipOperation.LEAVE_GROUP)
                        .withTimeout(CLOSE_TIMEOUT))));
        streams.start();
        ended.await();
        System.exit(1);
    }

    private static void report(String partitions) {
        System.out.println("assigned " + ProcessHandle.current().pid() + partitions);
        System.out.flush();
    }

    private static String partitions(KafkaStreams streams) {
        return streams.metadataForLocalThreads().stream()
                .flatMap(thread -> thread.activeTasks().stream())
                .map(task -> " " + task.taskId().partition())
                .collect(Collectors.joining());
    }

    private static Topology topology(JsonNode job) {
        JsonNode query = job.get("query");
        Aggregation aggregation = new Aggregation(query.get("time").asText(), job.get("outputs"));
        TimeWindows windows = TimeWindows.ofSizeAndGrace(
                Duration.ofMillis(query.get("shape").get("window").get("size_ms").asLong()),
                Duration.ofMillis(query.get("watermark_delay_ms").asLong()));
        Materialized<String, long[], WindowStore<Bytes, byte[]>> store =
                Materialized.<String, long[], WindowStore<Bytes, byte[]>>as("windows")
                        .withKeySerde(Serdes.String())
                        .withValueSerde(numbers());
        if (job.hasNonNull("retention_ms")) {
            store = store.withRetention(Duration.ofMillis(job.get("retention_ms").asLong()));
        }
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(
                        job.get("input").asText(),
                        Consumed.with(Serdes.String(), readOnly(aggregation.eventReader()))
                                .withTimestampExtractor((record, streamTime) -> ((long[]) record.value())[0]))
                // A record's key is the query's key.
                .groupByKey()
                .windowedBy(windows)
                .emitStrategy(EmitStrategy.onWindowClose())
                .aggregate(aggregation::empty, (key, event, totals) -> aggregation.add(event, totals), store)
                .toStream()
                .map((window, totals) -> KeyValue.pair(
                        window.key(),
                        new Row(window.key(), window.window().start(), window.window().end(), totals)))
                .to(job.get("output").asText(), Produced.with(Serdes.String(), writeOnly(aggregation.rowWriter())));
        return builder.build();
    }

    private record Row(String key, long start, long end, long[] totals) {}

    /** The query's outputs over events that are arrays: the event's time, then each column that an output needs. */
    private static final class Aggregation {
        private enum Function { COUNT, SUM, MIN, MAX }

        private final JsonFactory json = new JsonFactory();
        private final Map<String, Integer> slots = new HashMap<>();
        private final String[] names;
        private final Function[] functions;
        private final int[] sources;

        Aggregation(String time, JsonNode outputs) {
            slots.put(time, 0);
            List<String> columns = new ArrayList<>();
            names = new String[outputs.size()];
            functions = new Function[outputs.size()];
            sources = new int[outputs.size()];
            for (int i = 0; i < outputs.size(); i++) {
                JsonNode output = outputs.get(i);
                names[i] = output.get("name").asText();
                functions[i] = Function.valueOf(output.get("function").asText().toUpperCase());
                if (output.hasNonNull("column")) {
                    String column = output.get("column").asText();
                    slots.putIfAbsent(column, slots.size());
                    sources[i] = slots.get(column);
                }
            }
        }

        long[] empty() {
            long[] totals = new long[names.length];
            for (int i = 0; i < totals.length; i++) {
                totals[i] = functions[i] == Function.MIN ? Long.MAX_VALUE : 0;
            }
            return totals;
        }

        /** Adds an event in place: Kafka Streams hands over totals that it has just read from the store. */
        long[] add(long[] event, long[] totals) {
            for (int i = 0; i < totals.length; i++) {
                long value = event[sources[i]];
                switch (functions[i]) {
                    case COUNT -> totals[i]++;
                    case SUM -> totals[i] += value;
                    case MIN -> totals[i] = Math.min(totals[i], value);
                    case MAX -> totals[i] = Math.max(totals[i], value);
                }
            }
            return totals;
        }

        Deserializer<long[]> eventReader() {
            return (topic, bytes) -> {
                long[] event = new long[slots.size()];
                int found = 0;
                try (JsonParser parser = json.createParser(bytes)) {
                    parser.nextToken();
                    for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
                        JsonToken value = parser.nextToken();
                        Integer slot = slots.get(name);
                        if (slot == null) {
                            parser.skipChildren();
                        } else if (value == JsonToken.VALUE_NUMBER_INT) {
                            event[slot] = parser.getLongValue();
                            found++;
                        }
                    }
                } catch (IOException error) {
                    throw new SerializationException("not a JSON object in " + topic, error);
                }
                if (found != event.length) {
                    throw new SerializationException(
                            "an event in " + topic + " lacks one of the integers " + slots.keySet());
                }
                return event;
            };
        }

        Serializer<Row> rowWriter() {
            return (topic, row) -> {
                ByteArrayOutputStream bytes = new ByteArrayOutputStream(256);
                try (JsonGenerator generator = json.createGenerator(bytes)) {
                    generator.writeStartObject();
                    generator.writeStringField("key", row.key());
                    generator.writeNumberField("start", row.start());
                    generator.writeNumberField("end", row.end());
                    for (int i = 0; i < names.length; i++) {
                        generator.writeNumberField(names[i], row.totals()[i]);
                    }
                    generator.writeEndObject();
                } catch (IOException error) {
                    throw new UncheckedIOException(error);
                }
                return bytes.toByteArray();
            };
        }
    }

    /** Totals in the store: eight bytes each. */
    private static Serde<long[]> numbers() {
        return Serdes.serdeFrom(
                (topic, numbers) -> {
                    if (numbers == null) {
                        return null;
                    }
                    ByteBuffer buffer = ByteBuffer.allocate(Long.BYTES * numbers.length);
                    buffer.asLongBuffer().put(numbers);
                    return buffer.array();
                },
                (topic, bytes) -> {
                    if (bytes == null) {
                        return null;
                    }
                    long[] numbers = new long[bytes.length / Long.BYTES];
                    ByteBuffer.wrap(bytes).asLongBuffer().get(numbers);
                    return numbers;
                });
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

    /** One block cache, memtables inside it, for all of the instance's stores, as Kafka's memory guide has it. */
    public static final class BoundedRocksDB implements RocksDBConfigSetter {
        private static Cache cache;
        private static WriteBufferManager memtables;

        static void limit(long bytes) {
            RocksDB.loadLibrary();
            cache = new LRUCache(bytes);
            memtables = new WriteBufferManager(bytes / 2, cache);
        }

        @Override
        public void setConfig(String store, Options options, Map<String, Object> configs) {
            BlockBasedTableConfig table = (BlockBasedTableConfig) options.tableFormatConfig();
            table.setBlockCache(cache);
            table.setCacheIndexAndFilterBlocks(true);
            options.setWriteBufferManager(memtables);
            options.setTableFormatConfig(table);
        }

        @Override
        public void close(String store, Options options) {
            // The cache is shared by the stores and lives as long as the process.
        }
    }
}
