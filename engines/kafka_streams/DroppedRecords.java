import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.streams.KafkaStreams;

/** Kafka Streams' own count of records it dropped; tasks that moved away included, whose metrics are gone. */
final class DroppedRecords {
    private final KafkaStreams streams;
    private Map<Map<String, String>, Long> byTask = new HashMap<>();
    private long gone;
    private long reported = -1;

    DroppedRecords(KafkaStreams streams) {
        this.streams = streams;
    }

    /** Prints the total if it is not what was printed last. */
    synchronized void report() {
        long total = total();
        if (total != reported) {
            Application.report("counters", " late=" + total);
            reported = total;
        }
    }

    private long total() {
        Map<Map<String, String>, Long> now = new HashMap<>();
        streams.metrics().forEach((name, metric) -> {
            if (name.name().equals("dropped-records-total")) {
                now.put(name.tags(), ((Number) metric.metricValue()).longValue());
            }
        });
        byTask.forEach((task, before) -> {
            if (now.getOrDefault(task, 0L) < before) {
                gone += before;
            }
        });
        byTask = now;
        return gone + now.values().stream().mapToLong(Long::longValue).sum();
    }
}
