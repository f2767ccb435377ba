// Counts the windows that Kafka Streams loses when it emits on window close, an instance is killed, and another takes over.
//
//     java -cp CLASSES:KAFKA_LIBS/* WindowLoss BOOTSTRAP KILLS [RETENTION_SECONDS]
//
// Two instances, each a process of its own, count 300 keys in windows of a second (grace a second, exactly_once_v2), while
// every key has one event each second, at the time of the wall clock. One instance after the other is killed (SIGKILL) and
// started again, each time once results come again from every partition. In the end event time is moved on until all
// windows are closed. Every window that had an event is due once, in what a read_committed consumer sees.
// Without RETENTION_SECONDS the window store has the default retention, size + grace.

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.EmitStrategy;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.state.WindowStore;

public class WindowLoss {
    static final int KEYS = 300;
    static final int PARTITIONS = 4;
    static final int INSTANCES = 2;
    static final long STEADY_S = 8;
    static final long LIMIT_S = 120;

    public static void main(String[] words) throws Exception {
        if (words[0].equals("instance")) {
            instance(words[1], words[2], words[3], words.length > 4 ? Duration.ofSeconds(Long.parseLong(words[4])) : null);
            return;
        }
        String retention = words.length > 2 ? words[2] : null;
        try (Experiment experiment = new Experiment(words[0], retention)) {
            experiment.run(Integer.parseInt(words[1]));
        }
    }

    /** Runs until it is killed. */
    static void instance(String bootstrap, String name, String state, Duration retention) throws Exception {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, name);
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, state);
        settings.put(StreamsConfig.consumerPrefix("session.timeout.ms"), 6_000);
        settings.put(StreamsConfig.consumerPrefix("heartbeat.interval.ms"), 2_000);
        settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        KafkaStreams streams = new KafkaStreams(topology(name, retention), settings);
        streams.start();
        Thread.sleep(Long.MAX_VALUE);
    }

    static Topology topology(String name, Duration retention) {
        Materialized<String, Long, WindowStore<Bytes, byte[]>> store = Materialized.with(Serdes.String(), Serdes.Long());
        if (retention != null) {
            store = store.withRetention(retention);
        }
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(name + "-input", Consumed.with(Serdes.String(), Serdes.String()))
            .groupByKey(Grouped.with(Serdes.String(), Serdes.String()))
            .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofSeconds(1), Duration.ofSeconds(1)))
            .emitStrategy(EmitStrategy.onWindowClose())
            .count(store)
            .toStream((window, count) -> window.key() + "@" + window.window().start())
            .mapValues(String::valueOf)
            .to(name + "-output", Produced.with(Serdes.String(), Serdes.String()));
        return builder.build();
    }

    static class Experiment implements AutoCloseable {
        final String bootstrap;
        final String retention;
        final String name = "window-loss-" + UUID.randomUUID();
        final Path folder = Files.createTempDirectory("window-loss");
        final Random random = new Random(1);
        final List<Process> instances = new ArrayList<>();
        final Set<String> due = ConcurrentHashMap.newKeySet();
        final Map<String, Integer> seen = new ConcurrentHashMap<>();
        final Map<Integer, Long> newest = new ConcurrentHashMap<>();
        final Set<Integer> closed = ConcurrentHashMap.newKeySet();
        final List<Long> kills = new ArrayList<>();
        volatile boolean closing = false;
        volatile boolean over = false;

        Experiment(String bootstrap, String retention) throws Exception {
            this.bootstrap = bootstrap;
            this.retention = retention;
        }

        void run(int wanted) throws Exception {
            try (Admin admin = Admin.create(Map.<String, Object>of("bootstrap.servers", bootstrap))) {
                admin.createTopics(List.of(
                    new NewTopic(name + "-input", PARTITIONS, (short) 1),
                    new NewTopic(name + "-output", PARTITIONS, (short) 1))).all().get();
            }
            for (int number = 0; number < INSTANCES; number++) {
                instances.add(start(number));
            }
            Thread writer = new Thread(this::write);
            Thread reader = new Thread(this::read);
            writer.start();
            reader.start();
            for (int number = 1; number <= wanted; number++) {
                steady();
                int victim = random.nextInt(INSTANCES);
                Thread.sleep(random.nextInt(1_000));
                kills.add(System.currentTimeMillis());
                // On Linux this is SIGKILL.
                instances.get(victim).destroyForcibly().waitFor();
                System.out.printf("kill %d: instance %d%n", number, victim);
                instances.set(victim, start(victim));
            }
            steady();
            closing = true;
            long deadline = System.currentTimeMillis() + LIMIT_S * 1_000;
            while (closed.size() < PARTITIONS) {
                check(deadline, "the last windows were not closed");
            }
            // What came with the closers' windows is read by now, or in the next seconds.
            Thread.sleep(10_000);
            over = true;
            writer.join();
            reader.join();
            report();
        }

        Process start(int number) throws Exception {
            List<String> command = new ArrayList<>(List.of(
                ProcessHandle.current().info().command().orElse("java"), "-Xmx512m",
                // RocksDB unpacks its library to there, and an instance that is killed leaves it behind.
                "-Djava.io.tmpdir=" + folder,
                "-cp", System.getProperty("java.class.path"),
                "WindowLoss", "instance", bootstrap, name, folder.resolve("state-" + number).toString()));
            if (retention != null) {
                command.add(retention);
            }
            File log = folder.resolve("instance-" + number + ".log").toFile();
            return new ProcessBuilder(command).redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log)).start();
        }

        /** Until every partition has had results no older than four seconds for eight seconds. */
        void steady() throws Exception {
            long deadline = System.currentTimeMillis() + LIMIT_S * 1_000;
            long since = System.currentTimeMillis();
            while (System.currentTimeMillis() - since < STEADY_S * 1_000) {
                long now = System.currentTimeMillis();
                boolean fresh = newest.size() == PARTITIONS
                    && newest.values().stream().allMatch(time -> time > now - 5_000);
                since = fresh ? since : now;
                check(deadline, "results did not come again from every partition");
            }
        }

        void check(long deadline, String what) throws Exception {
            if (instances.stream().anyMatch(instance -> !instance.isAlive())) {
                throw new IllegalStateException("an instance ended by itself; its log is in " + folder);
            }
            if (System.currentTimeMillis() > deadline) {
                throw new IllegalStateException(what + " within " + LIMIT_S + " s; logs are in " + folder);
            }
            Thread.sleep(50);
        }

        void write() {
            Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "linger.ms", 2);
            try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
                long start = System.currentTimeMillis();
                for (long sent = 0; !closing; sent++) {
                    long wait = start + sent * 1_000 / KEYS - System.currentTimeMillis();
                    if (wait > 0) {
                        Thread.sleep(wait);
                    }
                    String key = "key-" + sent % KEYS;
                    long time = System.currentTimeMillis();
                    due.add(key + "@" + time / 1_000 * 1_000);
                    producer.send(new ProducerRecord<>(name + "-input", null, time, key, "1"));
                }
                // Closed windows are looked for once a second at most, and only as a record comes.
                for (long ahead = 60_000; !over; ahead += 1_000) {
                    for (int partition = 0; partition < PARTITIONS; partition++) {
                        long time = start + (System.currentTimeMillis() - start) + ahead;
                        producer.send(new ProducerRecord<>(name + "-input", partition, time, "closer", "1"));
                    }
                    producer.flush();
                    Thread.sleep(1_100);
                }
            } catch (InterruptedException error) {
                throw new IllegalStateException(error);
            }
        }

        void read() {
            Map<String, Object> settings = Map.of(
                "bootstrap.servers", bootstrap,
                "group.id", name + "-reader",
                "auto.offset.reset", "earliest",
                "isolation.level", "read_committed");
            try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
                consumer.subscribe(List.of(name + "-output"));
                while (!over) {
                    for (var record : consumer.poll(Duration.ofMillis(100))) {
                        String window = record.key();
                        if (window.startsWith("closer")) {
                            closed.add(record.partition());
                            continue;
                        }
                        seen.merge(window, 1, Integer::sum);
                        long time = Long.parseLong(window.substring(window.indexOf('@') + 1));
                        newest.merge(record.partition(), time, Math::max);
                    }
                }
            }
        }

        void report() {
            Map<Long, Integer> lost = new TreeMap<>();
            for (String window : due) {
                if (!seen.containsKey(window)) {
                    lost.merge(Long.parseLong(window.substring(window.indexOf('@') + 1)), 1, Integer::sum);
                }
            }
            long twice = seen.values().stream().filter(count -> count > 1).count();
            System.out.printf("retention %s: %d kills, %d windows due, %d seen, %d lost, %d seen twice%n",
                retention == null ? "default (size + grace)" : retention + " s", kills.size(), due.size(), seen.size(),
                lost.values().stream().mapToInt(Integer::intValue).sum(), twice);
            for (var entry : lost.entrySet()) {
                long before = kills.stream().filter(kill -> kill <= entry.getKey() + 2_000).reduce((a, b) -> b).orElse(0L);
                System.out.printf("  lost: %d keys' window of a second that began %.1f s after kill %d%n", entry.getValue(),
                    (entry.getKey() - before) / 1e3, kills.indexOf(before) + 1);
            }
        }

        @Override
        public void close() {
            closing = over = true;
            instances.forEach(Process::destroyForcibly);
        }
    }
}
