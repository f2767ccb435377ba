import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.streams.CloseOptions;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;

/**
 * One instance of a Kafka Streams application that answers a query: {@code java Application job.json}.
 *
 * <p>Prints {@code assigned PID PARTITION ...} whenever it is running, and without partitions while it rebalances, and
 * {@code counters PID late=N} with the number of records that Kafka Streams dropped, whenever that has grown: one that
 * is late for several windows counts once for each. Lines that begin with {@code at TIME} say when a state was entered, with
 * which partitions, and when a store was restored: they are for readers of the log.
 */
public final class Application {
    private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(10);
    private static final long COUNT_EVERY_MS = 500;

    public static void main(String[] arguments) throws Exception {
        JsonNode job = new ObjectMapper().readTree(new File(arguments[0]));
        BoundedRocksDB.limit(job.get("rocksdb_bytes").asLong());
        Properties settings = new Properties();
        job.get("settings").properties().forEach(entry -> settings.put(entry.getKey(), entry.getValue().asText()));

        KafkaStreams streams = new KafkaStreams(QueryTopology.of(job), settings);
        CountDownLatch ended = new CountDownLatch(1);
        AtomicReference<Throwable> cause = new AtomicReference<>();
        streams.setStateListener((now, before) -> {
            if (now == KafkaStreams.State.RUNNING) {
                report("assigned", partitions(streams));
                note("runs partitions" + partitions(streams));
            } else if (now == KafkaStreams.State.REBALANCING) {
                report("assigned", "");
                note("rebalances");
            } else if (now == KafkaStreams.State.ERROR) {
                ended.countDown();
            }
        });
        streams.setGlobalStateRestoreListener(new RestoreLog());
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            cause.compareAndSet(null, error);
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        // The whole job stops: leaving the group spares its next start the wait for this session's time-out.
        CloseOptions leave = CloseOptions.groupMembershipOperation(CloseOptions.GroupMembershipOperation.LEAVE_GROUP)
                .withTimeout(CLOSE_TIMEOUT);
        DroppedRecords dropped = new DroppedRecords(streams);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            dropped.report();
            streams.close(leave);
        }));
        streams.start();
        while (!ended.await(COUNT_EVERY_MS, TimeUnit.MILLISECONDS)) {
            dropped.report();
        }
        streams.close(leave);
        // The last line, so that whoever is told of the end is told why.
        System.out.println("ended by: " + reasons(cause.get()));
        System.exit(1);
    }

    static void report(String what, String detail) {
        System.out.println(what + " " + ProcessHandle.current().pid() + detail);
        System.out.flush();
    }

    static void note(String what) {
        report("at " + Instant.now().truncatedTo(ChronoUnit.MILLIS), " " + what);
    }

    private static String partitions(KafkaStreams streams) {
        return streams.metadataForLocalThreads().stream()
                .flatMap(thread -> thread.activeTasks().stream())
                .map(task -> " " + task.taskId().partition())
                .collect(Collectors.joining());
    }

    private static String reasons(Throwable error) {
        return Stream.iterate(error, reason -> reason != null, Throwable::getCause)
                .map(Throwable::getMessage)
                .collect(Collectors.joining("; because "));
    }
}
