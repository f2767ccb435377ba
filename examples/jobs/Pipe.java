import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Carries records from one topic to another: read, process and write, with the offsets in the transaction. */
public final class Pipe implements ConsumerRebalanceListener {
    private final String input = System.getenv("IN");
    private final String output = System.getenv("OUT");
    private final long intervalMs = Long.parseLong(System.getenv("INTERVAL_MS"));
    private final KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(consumerSettings());
    private final KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(producerSettings());
    /** Behind what was read in the transaction that is open; empty where none is. */
    private final Map<TopicPartition, OffsetAndMetadata> read = new HashMap<>();
    private volatile boolean stopping;

    private static Map<String, Object> consumerSettings() {
        return Map.of(
            ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, System.getenv("BROKERS"),
            ConsumerConfig.GROUP_ID_CONFIG, System.getenv("GROUP"),
            ConsumerConfig.CLIENT_ID_CONFIG, System.getenv("CLIENT"),
            ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false,
            ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest",
            ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed",
            ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG, 6000,
            ConsumerConfig.HEARTBEAT_INTERVAL_MS_CONFIG, 2000,
            ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class,
            ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
    }

    private static Map<String, Object> producerSettings() {
        return Map.of(
            ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, System.getenv("BROKERS"),
            ProducerConfig.CLIENT_ID_CONFIG, System.getenv("CLIENT"),
            // The same id after a restart: so the transaction that was open then is aborted now.
            ProducerConfig.TRANSACTIONAL_ID_CONFIG, System.getenv("CLIENT"),
            ProducerConfig.TRANSACTION_TIMEOUT_CONFIG, 10_000,
            ProducerConfig.LINGER_MS_CONFIG, 5,
            ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class,
            ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class);
    }

    private void run() {
        producer.initTransactions();
        consumer.subscribe(List.of(input), this);
        try {
            while (!stopping) {
                try {
                    copy();
                } catch (ProducerFencedException | AuthorizationException fatal) {
                    throw fatal;
                } catch (WakeupException stopped) {
                    continue;
                } catch (KafkaException error) {
                    System.err.println("starting over from the last commit: " + error);
                    startOver();
                }
            }
        } finally {
            consumer.close();
            producer.close();
        }
    }

    /** A transaction, as long as an interval from its first record on. */
    private void copy() {
        long until = System.currentTimeMillis() + intervalMs;
        for (long left = intervalMs; left > 0 && !stopping; left = until - System.currentTimeMillis()) {
            for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(left))) {
                if (read.isEmpty()) {
                    producer.beginTransaction();
                }
                producer.send(new ProducerRecord<>(output, record.key(), record.value()));
                read.put(new TopicPartition(record.topic(), record.partition()),
                    new OffsetAndMetadata(record.offset() + 1));
            }
        }
        if (!read.isEmpty()) {
            producer.sendOffsetsToTransaction(read, consumer.groupMetadata());
            producer.commitTransaction();
            read.clear();
        }
    }

    private void startOver() {
        forget();
        Map<TopicPartition, OffsetAndMetadata> committed = consumer.committed(consumer.assignment());
        for (TopicPartition partition : consumer.assignment()) {
            OffsetAndMetadata offset = committed.get(partition);
            if (offset == null) {
                consumer.seekToBeginning(List.of(partition));
            } else {
                consumer.seek(partition, offset);
            }
        }
    }

    private void forget() {
        if (!read.isEmpty()) {
            read.clear();
            producer.abortTransaction();
        }
    }

    /** Whoever has the partitions next, this program too, reads on behind what is committed. */
    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        forget();
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
    }

    public static void main(String[] words) throws InterruptedException {
        Pipe pipe = new Pipe();
        Thread main = Thread.currentThread();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            pipe.stopping = true;
            pipe.consumer.wakeup();
            try {
                main.join();
            } catch (InterruptedException stopped) {
                Thread.currentThread().interrupt();
            }
        }));
        pipe.run();
    }
}
