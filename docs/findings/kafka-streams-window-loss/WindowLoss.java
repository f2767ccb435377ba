// Counts the windows that Kafka Streams loses when it emits on window close.
//
//     java -cp CLASSES:KAFKA_LIBS/* WindowLoss driver [SECONDS]                   no broker: TopologyTestDriver, nothing fails
//     java -cp CLASSES:KAFKA_LIBS/* WindowLoss broker BOOTSTRAP SECONDS           a broker, nothing fails
//     java -cp CLASSES:KAFKA_LIBS/* WindowLoss kills BOOTSTRAP KILLS [RETENTION_SECONDS]
//
// Each line that driver and broker print is one topology over one input. Its windows are counted three times: from what was written,
// by the topology with suppress(untilWindowCloses), and by the same with EmitStrategy.onWindowClose(). Exit code 1 if the first two differ.
//
// kills: two instances, each a process of its own, count 300 keys in windows of a second (grace a second, exactly_once_v2), while
// every key has one event each second, at the time of the wall clock. One instance after the other is killed (SIGKILL) and
// started again, each time once results come again from every partition. In the end event time is moved on until all
// windows are closed. Every window that had an event is due once, in what a read_committed consumer sees.
// Without RETENTION_SECONDS the window store has the default retention, size + grace.
//
// It is one file, though a long one, so that it can be sent to somebody.

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.TestInputTopic;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.EmitStrategy;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.SessionWindowedKStream;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.SlidingWindows;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.Suppressed.BufferConfig;
import org.apache.kafka.streams.kstream.TimeWindowedKStream;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.StateRestoreListener;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.state.BuiltInDslStoreSuppliers;
import org.apache.kafka.streams.state.WindowStore;

public class WindowLoss {
    static final long DEFAULT = -1;
    static final long HOUR = 3_600_000;
    /** What production has; TopologyTestDriver sets 0 unless it is told otherwise. */
    static final long PRODUCTION_LOOK_MS = 1_000;
    static final String LOOK = StreamsConfig.InternalConfig.EMIT_INTERVAL_MS_KSTREAMS_WINDOWED_AGGREGATION;

    public static void main(String[] words) throws Exception {
        String what = words.length > 0 ? words[0] : "";
        if (what.equals("instance")) {
            instance(words[1], words[2], words[3], words.length > 4 ? Duration.ofSeconds(Long.parseLong(words[4])) : null);
        } else if (what.equals("ready") && words.length == 2) {
            try (Admin admin = Admin.create(Map.<String, Object>of("bootstrap.servers", words[1], "default.api.timeout.ms", 5_000,
                    "request.timeout.ms", 4_000))) {
                admin.describeCluster().nodes().get();
            }
        } else if (what.equals("driver")) {
            System.exit(Driver.run(words.length > 1 ? Long.parseLong(words[1]) * 1_000 : DEFAULT) ? 0 : 1);
        } else if (what.equals("broker") && words.length == 3) {
            System.exit(new Steady(words[1]).run(Long.parseLong(words[2]) * 1_000) ? 0 : 1);
        } else if (what.equals("kills") && words.length > 2) {
            try (Kills kills = new Kills(words[1], words.length > 3 ? words[3] : null)) {
                Runtime.getRuntime().addShutdownHook(new Thread(kills::close));
                kills.run(Integer.parseInt(words[2]));
            }
        } else {
            System.err.println("usage: WindowLoss driver [SECONDS] | broker BOOTSTRAP SECONDS | kills BOOTSTRAP KILLS [RETENTION_SECONDS]");
            System.exit(2);
        }
    }

    record Event(String key, long time) {}

    enum Kind { TUMBLING, SLIDING, SESSION }

    /** One topology. Times in ms; size: of the window, its time difference or its gap; cacheBytes: of the whole instance. */
    record Case(String what, Kind kind, long size, long grace, long retention, boolean caching, long cacheBytes, boolean memory,
                long lookMs) {
        static Case of(String what, Kind kind, long size, long grace) {
            return new Case(what, kind, size, grace, DEFAULT, true, DEFAULT, false, PRODUCTION_LOOK_MS);
        }

        Case retained(long milliseconds) {
            return new Case(what, kind, size, grace, milliseconds, caching, cacheBytes, memory, lookMs);
        }

        Case cachingDisabled() {
            return new Case(what, kind, size, grace, retention, false, cacheBytes, memory, lookMs);
        }

        Case cache(long bytes) {
            return new Case(what, kind, size, grace, retention, caching, bytes, memory, lookMs);
        }

        Case inMemory() {
            return new Case(what, kind, size, grace, retention, caching, cacheBytes, true, lookMs);
        }

        Case looking(long everyMs) {
            return new Case(what, kind, size, grace, retention, caching, cacheBytes, memory, everyMs);
        }

        Properties settings(String application) {
            Properties settings = new Properties();
            settings.put(StreamsConfig.APPLICATION_ID_CONFIG, application);
            settings.put(StreamsConfig.STATE_DIR_CONFIG, System.getProperty("java.io.tmpdir") + "/state");
            if (cacheBytes != DEFAULT) {
                settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, cacheBytes);
            }
            return settings;
        }

        /** Two counts of the same input, each to a topic of its own: on window close and suppressed. */
        Topology topology(String input, String closing, String suppressed) {
            StreamsBuilder builder = new StreamsBuilder();
            KGroupedStream<String, String> events = builder.stream(input, Consumed.with(Serdes.String(), Serdes.String()))
                .groupByKey(Grouped.with(Serdes.String(), Serdes.String()));
            to(counted(events, true), closing);
            to(counted(events, false).suppress(Suppressed.untilWindowCloses(BufferConfig.unbounded())), suppressed);
            return builder.build();
        }

        private void to(KTable<Windowed<String>, Long> counts, String topic) {
            counts.toStream((window, count) -> window.key() + "@" + window.window().start())
                .mapValues(String::valueOf)
                .to(topic, Produced.with(Serdes.String(), Serdes.String()));
        }

        private KTable<Windowed<String>, Long> counted(KGroupedStream<String, String> events, boolean closing) {
            Duration length = Duration.ofMillis(size);
            Duration wait = Duration.ofMillis(grace);
            if (kind == Kind.SESSION) {
                SessionWindowedKStream<String, String> sessions =
                    events.windowedBy(SessionWindows.ofInactivityGapAndGrace(length, wait));
                return closing ? sessions.emitStrategy(EmitStrategy.onWindowClose()).count(store()) : sessions.count(plain());
            }
            TimeWindowedKStream<String, String> windows = kind == Kind.SLIDING
                ? events.windowedBy(SlidingWindows.ofTimeDifferenceAndGrace(length, wait))
                : events.windowedBy(TimeWindows.ofSizeAndGrace(length, wait));
            return closing ? windows.emitStrategy(EmitStrategy.onWindowClose()).count(store()) : windows.count(plain());
        }

        /** With a cache its updates would wait for a commit. */
        private <S extends StateStore> Materialized<String, Long, S> plain() {
            return Materialized.<String, Long, S>with(Serdes.String(), Serdes.Long()).withCachingDisabled();
        }

        private <S extends StateStore> Materialized<String, Long, S> store() {
            Materialized<String, Long, S> store = Materialized.with(Serdes.String(), Serdes.Long());
            if (memory) {
                store = store.withStoreType(BuiltInDslStoreSuppliers.IN_MEMORY);
            }
            if (retention != DEFAULT) {
                store = store.withRetention(Duration.ofMillis(retention));
            }
            return caching ? store : store.withCachingDisabled();
        }

        /** The count of each window of these events, which come in the order of their times, a key's all different. */
        Map<String, Long> due(List<Event> events) {
            Map<String, TreeSet<Long>> times = new TreeMap<>();
            events.forEach(event -> times.computeIfAbsent(event.key, key -> new TreeSet<>()).add(event.time));
            Map<String, Long> due = new TreeMap<>();
            times.forEach((key, its) -> {
                long began = 0;
                long last = Long.MIN_VALUE;
                for (long time : its) {
                    switch (kind) {
                        case TUMBLING -> due.merge(key + "@" + time / size * size, 1L, Long::sum);
                        case SLIDING -> Stream.of(time - size, time + 1)
                            .filter(start -> !its.subSet(start, start + size + 1).isEmpty())
                            .forEach(start -> due.put(key + "@" + start, (long) its.subSet(start, start + size + 1).size()));
                        case SESSION -> {
                            began = last != Long.MIN_VALUE && time - last <= size ? began : time;
                            last = time;
                            due.merge(key + "@" + began, 1L, Long::sum);
                        }
                    }
                }
            });
            return due;
        }

        String settingsInWords() {
            List<String> words = new ArrayList<>();
            words.add(retention == DEFAULT ? "default retention" : "retention " + retention / HOUR + " h");
            if (!caching) {
                words.add("caching disabled");
            }
            if (cacheBytes != DEFAULT) {
                words.add("cache of " + cacheBytes + " B");
            }
            if (memory) {
                words.add("in memory");
            }
            if (lookMs != PRODUCTION_LOOK_MS) {
                words.add("emit interval " + lookMs + " ms");
            }
            return String.join(", ", words);
        }
    }

    /** Rows as they were emitted: by window the last count, and how many windows came more than once. */
    static class Rows {
        final Map<String, Long> counts = new HashMap<>();
        final Set<String> again = new TreeSet<>();

        void add(String window, String count) {
            if (!window.startsWith("heartbeat") && counts.put(window, Long.valueOf(count)) != null) {
                again.add(window);
            }
        }

        long missing(Map<String, Long> due) {
            return due.keySet().stream().filter(window -> !counts.containsKey(window)).count();
        }

        /** Windows that are not due, or have another count than is due. */
        long wrong(Map<String, Long> due) {
            return counts.entrySet().stream().filter(row -> !row.getValue().equals(due.get(row.getKey()))).count();
        }
    }

    static String version() throws IOException {
        Properties found = new Properties();
        try (InputStream file = KafkaStreams.class.getResourceAsStream("/kafka/kafka-streams-version.properties")) {
            found.load(file);
        }
        return found.getProperty("version");
    }

    static void title(String how) throws IOException {
        System.out.printf("Kafka Streams %s, %s%n%n", version(), how);
        System.out.println("| windows | settings | due | by suppress | on window close | lost | wrong | twice |");
        System.out.println("| --- | --- | --: | --: | --: | --: | --: | --: |");
    }

    /** A line of the table; whether the two ways of counting that are not in question agree. */
    static boolean compare(Case asked, Map<String, Long> due, Rows closing, Rows suppressed) {
        System.out.printf("| %s | %s | %,d | %,d | %,d | %,d | %,d | %,d |%n", asked.what, asked.settingsInWords(), due.size(),
            suppressed.counts.size(), closing.counts.size(), closing.missing(due), closing.wrong(due), closing.again.size());
        if (suppressed.missing(due) + suppressed.wrong(due) + suppressed.again.size() > 0) {
            System.out.printf("suppress: %d missing, %d wrong, %d twice%n", suppressed.missing(due), suppressed.wrong(due),
                suppressed.again.size());
        }
        // With a grace of 0 suppress may write a sliding window twice; the last count is the right one.
        return suppressed.missing(due) == 0 && suppressed.wrong(due) == 0;
    }

    /** No broker and no threads: the events of a case, one by one, with a clock that is the events' own. */
    static class Driver {
        /** Early, since the first look of a cached store takes the longer, the later it is after the epoch. */
        static final long BASE = 1_000_000_000L;
        static final int KEYS = 20;

        /** Evenly spaced events: so many a second, for so long, the first after so many ms, none of these for the stall. */
        record Load(double rate, long milliseconds, long phase, long stalledFrom, long stalledFor) {}

        /** milliseconds: how long the steady loads are; the backlogs are left out then. DEFAULT: a minute, and all. */
        static boolean run(long milliseconds) throws IOException {
            title("TopologyTestDriver");
            long length = milliseconds == DEFAULT ? 60_000 : milliseconds;
            Load steady = new Load(97, length, 0, 0, 0);
            Load backlog = new Load(1, 9_000_000, 0, 1_500_000, 2 * HOUR);
            Case sliding = Case.of("sliding 200 ms, grace 0", Kind.SLIDING, 200, 0);
            Case longer = Case.of("sliding 500 ms, grace 500 ms", Kind.SLIDING, 500, 500);
            Case tumbling = Case.of("tumbling 1 s, grace 0.5 s", Kind.TUMBLING, 1_000, 500);
            Case caughtUp = Case.of("tumbling 1 s, grace 0.5 s, 2 h at once", Kind.TUMBLING, 1_000, 500);
            Case sessions = Case.of("sessions, gap 100 ms, grace 0", Kind.SESSION, 100, 0);
            Case caughtUpSessions = Case.of("sessions, gap 100 ms, grace 0, 2 h at once", Kind.SESSION, 100, 0);
            boolean agree = true;
            for (Case asked : List.of(sliding, sliding.inMemory(), sliding.retained(HOUR), sliding.looking(0),
                    longer, longer.retained(HOUR))) {
                agree &= one(asked, steady);
            }
            for (long phase = 0; phase < 1_000; phase += 200) {
                agree &= one(named(tumbling.cachingDisabled(), tumbling.what + ", looks at +" + phase + " ms"),
                    new Load(97, length, phase, 0, 0));
            }
            // Some 40 windows are held at a time, of 200 B or so each.
            agree &= one(named(tumbling.cache(2_000), tumbling.what + ", looks at +200 ms"), new Load(97, length, 200, 0, 0));
            for (Case asked : List.of(tumbling, tumbling.cache(0), tumbling.cachingDisabled().inMemory(),
                    tumbling.cachingDisabled().retained(HOUR), tumbling.cachingDisabled().looking(0),
                    sessions, sessions.retained(HOUR), sessions.inMemory(), sessions.inMemory().retained(HOUR))) {
                agree &= one(asked, steady);
            }
            if (milliseconds != DEFAULT) {
                return agree;
            }
            for (Case asked : List.of(caughtUp, caughtUp.cachingDisabled(), caughtUp.retained(HOUR),
                    caughtUp.retained(HOUR).cachingDisabled(), caughtUp.retained(3 * HOUR).cachingDisabled(),
                    caughtUpSessions, caughtUpSessions.retained(HOUR), caughtUpSessions.retained(3 * HOUR))) {
                agree &= one(asked, backlog);
            }
            return agree;
        }

        static Case named(Case asked, String what) {
            return new Case(what, asked.kind, asked.size, asked.grace, asked.retention, asked.caching, asked.cacheBytes,
                asked.memory, asked.lookMs);
        }

        static boolean one(Case asked, Load load) {
            Properties settings = asked.settings("driver-" + UUID.randomUUID());
            settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, "none:1");
            settings.put(LOOK, asked.lookMs);
            List<Event> events = new ArrayList<>();
            Rows closing = new Rows();
            Rows suppressed = new Rows();
            Topology topology = asked.topology("in", "closing", "suppressed");
            try (TopologyTestDriver driver = new TopologyTestDriver(topology, settings, Instant.ofEpochMilli(BASE))) {
                TestInputTopic<String, String> in = driver.createInputTopic("in", new StringSerializer(), new StringSerializer());
                long now = 0;
                // Heartbeats, of a key of their own, go on until the last window is closed and looked for twice.
                long end = load.milliseconds + 2 * asked.size + asked.grace + 3_000;
                for (long n = 0, time = load.phase; time < load.phase + end; time = load.phase + (long) (++n * 1_000 / load.rate)) {
                    boolean stalled = time > load.stalledFrom && time <= load.stalledFrom + load.stalledFor;
                    if (!stalled && time > now) {
                        driver.advanceWallClockTime(Duration.ofMillis(time - now));
                        now = time;
                    }
                    boolean beat = time >= load.phase + load.milliseconds;
                    Event event = new Event(beat ? "heartbeat-" + n % 50 : "key-" + n * 7919 % KEYS, BASE + time);
                    in.pipeInput(event.key, "1", event.time);
                    if (!beat) {
                        events.add(event);
                    }
                }
                read(driver, "closing", closing);
                read(driver, "suppressed", suppressed);
            }
            return compare(asked, asked.due(events), closing, suppressed);
        }

        static void read(TopologyTestDriver driver, String topic, Rows rows) {
            driver.createOutputTopic(topic, new StringDeserializer(), new StringDeserializer()).readKeyValuesToList()
                .forEach(row -> rows.add(row.key, row.value));
        }
    }

    /** All cases at once on one input topic, an application each in this process. */
    static class Steady {
        static final int KEYS = 20;
        static final int LIMIT_MS = 180_000;
        static final int PAUSE_MS = 40;
        static final int BEATS_MS = 3_000;

        final String bootstrap;
        final String name = "window-loss-" + UUID.randomUUID();
        KafkaProducer<String, String> producer;
        /** The newest event time. */
        long clock;

        Steady(String bootstrap) {
            this.bootstrap = bootstrap;
        }

        boolean run(long milliseconds) throws Exception {
            Case sliding = Case.of("sliding 200 ms, grace 0", Kind.SLIDING, 200, 0);
            Case longer = Case.of("sliding 500 ms, grace 500 ms", Kind.SLIDING, 500, 500);
            Case tumbling = Case.of("tumbling 1 s, grace 0.5 s", Kind.TUMBLING, 1_000, 500);
            Case sessions = Case.of("sessions, gap 200 ms, grace 100 ms", Kind.SESSION, 200, 100);
            List<Case> cases = List.of(sliding, longer, sliding.retained(HOUR), longer.retained(HOUR), tumbling, tumbling.cache(0),
                tumbling.cachingDisabled(), tumbling.cachingDisabled().retained(HOUR), sessions, sessions.inMemory(),
                sessions.inMemory().retained(HOUR));
            create(cases.size());
            List<KafkaStreams> running = new ArrayList<>();
            List<Event> events;
            try (var producer = new KafkaProducer<>(Map.<String, Object>of("bootstrap.servers", bootstrap, "linger.ms", 0),
                    new StringSerializer(), new StringSerializer())) {
                this.producer = producer;
                for (int number = 0; number < cases.size(); number++) {
                    running.add(start(cases.get(number), number));
                }
                beat("no application was ready", () -> oldest(cases.size()) > 0);
                events = write(milliseconds);
                long written = clock;
                beat("the last windows were not closed", () -> oldest(cases.size()) > written + BEATS_MS);
                long processed = clock;
                // All is read up to here at the rate of the wall clock: the last windows are looked for twice.
                beat("time stands still", () -> clock > processed + BEATS_MS);
            } finally {
                running.forEach(streams -> streams.close(Duration.ofMillis(LIMIT_MS)));
            }
            title("a broker, " + milliseconds / 1_000 + " s");
            boolean agree = true;
            for (int number = 0; number < cases.size(); number++) {
                Case asked = cases.get(number);
                agree &= compare(asked, asked.due(events), read("closing-" + number), read("suppressed-" + number));
            }
            return agree;
        }

        /** Heartbeats, of keys of their own, until something has come. */
        void beat(String otherwise, Callable<Boolean> come) throws Exception {
            long deadline = System.currentTimeMillis() + LIMIT_MS;
            for (int number = 0; number % 25 != 0 || !come.call(); number++) {
                if (System.currentTimeMillis() > deadline) {
                    throw new IllegalStateException(otherwise + " within " + LIMIT_MS + " ms");
                }
                tick();
                producer.send(new ProducerRecord<>(name, 0, clock, "heartbeat-" + number % 50, "1")).get();
            }
        }

        /** The next time of an event: the wall clock's, but never the one before, lest a key have two events of one time. */
        void tick() throws InterruptedException {
            Thread.sleep(PAUSE_MS);
            clock = Math.max(clock + 1, System.currentTimeMillis());
        }

        /** Up to which time each application has processed its input, at least: the least of the last suppressed windows' starts. */
        long oldest(int cases) {
            long oldest = Long.MAX_VALUE;
            for (int number = 0; number < cases; number++) {
                TopicPartition all = new TopicPartition(name + "-suppressed-" + number, 0);
                try (var consumer = consumer()) {
                    consumer.assign(List.of(all));
                    long end = consumer.endOffsets(List.of(all)).get(all);
                    if (end == 0) {
                        return 0;
                    }
                    consumer.seek(all, end - 1);
                    String window = consumer.poll(Duration.ofMillis(LIMIT_MS)).iterator().next().key();
                    oldest = Math.min(oldest, Long.parseLong(window.substring(window.indexOf('@') + 1)));
                }
            }
            return oldest;
        }

        KafkaConsumer<String, String> consumer() {
            Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "isolation.level", "read_committed");
            return new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
        }

        void create(int cases) throws Exception {
            List<NewTopic> topics = new ArrayList<>(List.of(new NewTopic(name, 1, (short) 1)));
            for (int number = 0; number < cases; number++) {
                topics.add(new NewTopic(name + "-closing-" + number, 1, (short) 1));
                topics.add(new NewTopic(name + "-suppressed-" + number, 1, (short) 1));
            }
            try (Admin admin = Admin.create(Map.<String, Object>of("bootstrap.servers", bootstrap))) {
                admin.createTopics(topics).all().get();
            }
        }

        KafkaStreams start(Case asked, int number) throws Exception {
            Properties settings = asked.settings(name + "-" + number);
            settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
            KafkaStreams streams =
                new KafkaStreams(asked.topology(name, name + "-closing-" + number, name + "-suppressed-" + number), settings);
            streams.start();
            long deadline = System.currentTimeMillis() + LIMIT_MS;
            while (streams.state() != KafkaStreams.State.RUNNING) {
                if (System.currentTimeMillis() > deadline) {
                    throw new IllegalStateException("not running within " + LIMIT_MS + " ms: " + asked.what);
                }
                Thread.sleep(20);
            }
            return streams;
        }

        /** Events at the time of the wall clock, five keys on average at each of them. */
        List<Event> write(long milliseconds) throws Exception {
            List<Event> events = new ArrayList<>();
            Random random = new Random(7);
            for (long end = clock + milliseconds; clock < end; tick()) {
                for (int key = 0; key < KEYS; key++) {
                    if (random.nextInt(4) == 0) {
                        events.add(new Event("key-" + key, clock));
                        producer.send(new ProducerRecord<>(name, 0, clock, "key-" + key, "1"));
                    }
                }
            }
            producer.flush();
            return events;
        }

        /** What is there: the applications have ended. */
        Rows read(String topic) {
            Rows rows = new Rows();
            try (var consumer = consumer()) {
                TopicPartition all = new TopicPartition(name + "-" + topic, 0);
                consumer.assign(List.of(all));
                consumer.seekToBeginning(List.of(all));
                long end = consumer.endOffsets(List.of(all)).get(all);
                long deadline = System.currentTimeMillis() + LIMIT_MS;
                while (consumer.position(all) < end && System.currentTimeMillis() < deadline) {
                    consumer.poll(Duration.ofMillis(100)).forEach(record -> rows.add(record.key(), record.value()));
                }
            }
            return rows;
        }
    }

    /** Runs until it is killed, and says when which partitions are its own. */
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
        streams.setStateListener((now, before) -> {
            String partitions = streams.metadataForLocalThreads().stream()
                .flatMap(thread -> thread.activeTasks().stream())
                .map(task -> " " + task.taskId().partition())
                .sorted()
                .collect(Collectors.joining());
            Kills.say(now == KafkaStreams.State.RUNNING ? "runs partitions" + partitions : now.toString().toLowerCase(Locale.ROOT));
        });
        streams.setGlobalStateRestoreListener(new Restores());
        streams.start();
        Thread.sleep(Long.MAX_VALUE);
    }

    static class Restores implements StateRestoreListener {
        @Override
        public void onRestoreStart(TopicPartition partition, String store, long from, long to) {
            Kills.say("restores partition " + partition.partition() + ", " + (to - from) + " offsets");
        }

        @Override
        public void onBatchRestored(TopicPartition partition, String store, long to, long count) {}

        @Override
        public void onRestoreEnd(TopicPartition partition, String store, long count) {
            Kills.say("has restored partition " + partition.partition() + ", " + count + " records");
        }

        @Override
        public void onRestoreSuspended(TopicPartition partition, String store, long count) {
            Kills.say("gives partition " + partition.partition() + " up after restoring " + count + " records");
        }
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

    static class Kills implements AutoCloseable {
        static final int KEYS = 300;
        static final int PARTITIONS = 4;
        static final int INSTANCES = 2;
        static final long STEADY_S = 8;
        static final long LIMIT_S = 120;
        static final String MARK = "timeline ";

        final String bootstrap;
        final String retention;
        final String name = "window-loss-" + UUID.randomUUID();
        final Path folder = Files.createTempDirectory("window-loss");
        final Random random = new Random(1);
        final List<Process> instances = new ArrayList<>();
        final Set<String> due = ConcurrentHashMap.newKeySet();
        final Map<String, Integer> partitions = new ConcurrentHashMap<>();
        final Map<String, Integer> seen = new ConcurrentHashMap<>();
        final Map<Integer, Long> newest = new ConcurrentHashMap<>();
        final Set<Integer> closed = ConcurrentHashMap.newKeySet();
        final List<Long> kills = new ArrayList<>();
        final List<Integer> victims = new ArrayList<>();
        volatile boolean closing = false;
        volatile boolean over = false;

        Kills(String bootstrap, String retention) throws Exception {
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
                victims.add(victim);
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
            return new ProcessBuilder(command).redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log(number))).start();
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
                    producer.send(new ProducerRecord<>(name + "-input", null, time, key, "1"), (where, error) -> {
                        if (error == null) {
                            partitions.put(key, where.partition());
                        }
                    });
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

        void report() throws Exception {
            TreeMap<Long, Map<Integer, Integer>> lost = new TreeMap<>();
            for (String window : due) {
                if (!seen.containsKey(window)) {
                    int at = window.indexOf('@');
                    lost.computeIfAbsent(Long.parseLong(window.substring(at + 1)), start -> new TreeMap<>())
                        .merge(partitions.get(window.substring(0, at)), 1, Integer::sum);
                }
            }
            long twice = seen.values().stream().filter(count -> count > 1).count();
            System.out.printf("Kafka Streams %s, retention %s: %d kills, %,d windows due, %,d seen, %,d lost, %d seen twice%n",
                version(), retention == null ? "default (size + grace)" : retention + " s", kills.size(), due.size(),
                seen.size(), lost.values().stream().flatMap(counts -> counts.values().stream()).mapToInt(Integer::intValue).sum(), twice);
            for (int kill = 0; kill < kills.size(); kill++) {
                long from = kill == 0 ? 0 : kills.get(kill) - 3_000;
                long to = kill + 1 < kills.size() ? kills.get(kill + 1) - 3_000 : Long.MAX_VALUE;
                if (!lost.subMap(from, to).isEmpty()) {
                    timeline(kill, lost.subMap(from, to), to);
                }
            }
        }

        /** What the instances said after a kill, and the windows that were lost, by the second in which they began. */
        void timeline(int kill, Map<Long, Map<Integer, Integer>> lost, long to) throws Exception {
            List<Map.Entry<Long, String>> lines = new ArrayList<>();
            lost.forEach((start, counts) -> counts.forEach((partition, keys) -> lines.add(Map.entry(start,
                "lost: partition " + partition + ", " + keys + " keys' window of a second that began now"))));
            for (int number = 0; number < INSTANCES; number++) {
                for (String line : Files.readAllLines(log(number).toPath())) {
                    String[] words = line.split(" ", 3);
                    if (line.startsWith(MARK) && Long.parseLong(words[1]) >= kills.get(kill) && Long.parseLong(words[1]) < to) {
                        lines.add(Map.entry(Long.parseLong(words[1]), "instance " + number + " " + words[2]));
                    }
                }
            }
            System.out.printf("  kill %d, of instance %d%n", kill + 1, victims.get(kill));
            lines.stream().sorted(Map.Entry.comparingByKey()).forEach(line ->
                System.out.printf("    %+6.1f s  %s%n", (line.getKey() - kills.get(kill)) / 1e3, line.getValue()));
        }

        /** A line of an instance's log that the report reads. */
        static void say(String what) {
            System.out.println(MARK + System.currentTimeMillis() + " " + what);
            // Whoever is killed flushes nothing.
            System.out.flush();
        }

        File log(int number) {
            return folder.resolve("instance-" + number + ".log").toFile();
        }

        @Override
        public void close() {
            closing = over = true;
            instances.forEach(Process::destroyForcibly);
        }
    }
}
