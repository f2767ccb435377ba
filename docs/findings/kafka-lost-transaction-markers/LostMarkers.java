import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Does a broker that was killed while transactions were being ended finish them once it is started again?
 *
 *     LostMarkers BOOTSTRAP write    commits transactions without a pause until it is killed
 *     LostMarkers BOOTSTRAP check    waits 30 s for every partition's last stable offset to reach its end; exit code 3 if one does not
 */
public final class LostMarkers {
    private static final String TOPIC = "lost-markers";
    private static final int PARTITIONS = 4;
    private static final int PRODUCERS = 8;
    private static final int WARM = 500;
    private static final AtomicInteger COMMITTED = new AtomicInteger();
    private static final int TRANSACTION_MS = 5_000;
    private static final int PATIENCE_MS = 30_000;

    private LostMarkers() {}

    public static void main(String[] words) throws Exception {
        if (words.length != 2 || !(words[1].equals("write") || words[1].equals("check"))) {
            System.err.println("usage: LostMarkers BOOTSTRAP write|check");
            System.exit(2);
        }
        if (words[1].equals("write")) {
            write(words[0]);
        } else {
            System.exit(check(words[0]) ? 0 : 3);
        }
    }

    private static void write(String bootstrap) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            if (!admin.listTopics().names().get().contains(TOPIC)) {
                admin.createTopics(List.of(new NewTopic(TOPIC, PARTITIONS, (short) 1))).all().get();
            }
        }
        for (int number = 0; number < PRODUCERS; number++) {
            String id = "writer-" + number;
            new Thread(() -> commitForEver(bootstrap, id)).start();
        }
    }

    private static void commitForEver(String bootstrap, String id) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("transactional.id", id);
        settings.put("transaction.timeout.ms", TRANSACTION_MS);
        KafkaProducer<String, String> producer =
                new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
        producer.initTransactions();
        while (true) {
            producer.beginTransaction();
            for (int partition = 0; partition < PARTITIONS; partition++) {
                producer.send(new ProducerRecord<>(TOPIC, partition, id, "row"));
            }
            producer.commitTransaction();
            if (COMMITTED.incrementAndGet() == WARM) {
                System.out.println("writing");
            }
        }
    }

    /** Nobody writes any more, and the transactions' time-out is long over at the end: nothing may be open. */
    private static boolean check(String bootstrap) throws Exception {
        long deadline = System.nanoTime() + PATIENCE_MS * 1_000_000L;
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            Map<Integer, Long> ends = ends(admin, IsolationLevel.READ_UNCOMMITTED);
            Map<Integer, Long> stable = ends(admin, IsolationLevel.READ_COMMITTED);
            while (!stable.equals(ends) && System.nanoTime() < deadline) {
                Thread.sleep(500);
                ends = ends(admin, IsolationLevel.READ_UNCOMMITTED);
                stable = ends(admin, IsolationLevel.READ_COMMITTED);
            }
            for (int partition = 0; partition < PARTITIONS; partition++) {
                long hidden = ends.get(partition) - stable.get(partition);
                System.out.printf(
                        "partition %d: ends at %d, stable to %d%s%n",
                        partition, ends.get(partition), stable.get(partition), hidden > 0 ? ": " + hidden + " hidden" : "");
            }
            return stable.equals(ends);
        }
    }

    private static Map<Integer, Long> ends(Admin admin, IsolationLevel isolation) throws Exception {
        Map<TopicPartition, OffsetSpec> asked = new HashMap<>();
        for (int partition = 0; partition < PARTITIONS; partition++) {
            asked.put(new TopicPartition(TOPIC, partition), OffsetSpec.latest());
        }
        Map<Integer, Long> found = new TreeMap<>();
        for (Map.Entry<TopicPartition, ListOffsetsResultInfo> entry :
                admin.listOffsets(asked, new ListOffsetsOptions(isolation)).all().get().entrySet()) {
            found.put(entry.getKey().partition(), entry.getValue().offset());
        }
        return found;
    }
}
