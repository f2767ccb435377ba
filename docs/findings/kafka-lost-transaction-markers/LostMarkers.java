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
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Are transactions ended that were being ended while their partitions had no leader?
 *
 *     LostMarkers BOOTSTRAP write    commits transactions without a pause until it is killed; prints which broker leads their partitions
 *     LostMarkers BOOTSTRAP lose     waits up to 60 s until no partition has a leader; exit code 1 if one still has
 *     LostMarkers BOOTSTRAP check    waits 30 s for every partition's last stable offset to reach its end; exit code 3 if one does not
 *
 * All partitions lie on one broker: in a cluster of several on one that is not the coordinator of the transactions.
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
        switch (words.length == 2 ? words[1] : "") {
            case "write" -> write(words[0]);
            case "lose" -> System.exit(lose(words[0]) ? 0 : 1);
            case "check" -> System.exit(check(words[0]) ? 0 : 3);
            default -> {
                System.err.println("usage: LostMarkers BOOTSTRAP write|lose|check");
                System.exit(2);
            }
        }
    }

    private static void write(String bootstrap) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
                KafkaProducer<String, String> first = producer(bootstrap, "writer-0")) {
            // Makes the topic of the transactions, whose place is then known.
            first.initTransactions();
            if (!admin.listTopics().names().get().contains(TOPIC)) {
                admin.createTopics(List.of(new NewTopic(TOPIC, placed(admin)))).all().get();
            }
        }
        for (int number = 0; number < PRODUCERS; number++) {
            String id = "writer-" + number;
            new Thread(() -> commitForEver(bootstrap, id)).start();
        }
    }

    /** Every partition on one broker, if possible on one that coordinates no transaction. */
    private static Map<Integer, List<Integer>> placed(Admin admin) throws Exception {
        int coordinator =
                admin.describeTransactions(List.of("writer-0")).all().get().get("writer-0").coordinatorId();
        int leader = admin.describeCluster().nodes().get().stream()
                .map(Node::id)
                .filter(id -> id != coordinator)
                .findFirst()
                .orElse(coordinator);
        Map<Integer, List<Integer>> placed = new TreeMap<>();
        for (int partition = 0; partition < PARTITIONS; partition++) {
            placed.put(partition, List.of(leader));
        }
        return placed;
    }

    /** By partition, the broker that leads it. */
    private static Map<Integer, Node> leaders(Admin admin) throws Exception {
        Map<Integer, Node> leaders = new TreeMap<>();
        for (TopicPartitionInfo partition :
                admin.describeTopics(List.of(TOPIC)).allTopicNames().get().get(TOPIC).partitions()) {
            if (partition.leader() != null && !partition.leader().isEmpty()) {
                leaders.put(partition.partition(), partition.leader());
            }
        }
        return leaders;
    }

    private static boolean lose(String bootstrap) throws Exception {
        long deadline = System.nanoTime() + 2 * PATIENCE_MS * 1_000_000L;
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            while (!leaders(admin).isEmpty()) {
                if (System.nanoTime() > deadline) {
                    return false;
                }
                Thread.sleep(100);
            }
            // Longer than the transactions' time-out, so that those that were open are being ended as well.
            Thread.sleep(2 * TRANSACTION_MS);
            return true;
        }
    }

    private static KafkaProducer<String, String> producer(String bootstrap, String id) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("transactional.id", id);
        settings.put("transaction.timeout.ms", TRANSACTION_MS);
        return new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
    }

    private static void commitForEver(String bootstrap, String id) {
        while (true) {
            try (KafkaProducer<String, String> producer = producer(bootstrap, id)) {
                producer.initTransactions();
                while (true) {
                    commit(producer, id, bootstrap);
                }
            } catch (KafkaException error) {
                // A busy machine let a transaction time out; the next producer of this id goes on.
                error.printStackTrace();
            }
        }
    }

    private static void commit(KafkaProducer<String, String> producer, String id, String bootstrap) {
        producer.beginTransaction();
        for (int partition = 0; partition < PARTITIONS; partition++) {
            producer.send(new ProducerRecord<>(TOPIC, partition, id, "row"));
        }
        producer.commitTransaction();
        if (COMMITTED.incrementAndGet() == WARM) {
            try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
                System.out.println("writing to broker " + leaders(admin).get(0).id());
            } catch (Exception error) {
                throw new IllegalStateException(error);
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
