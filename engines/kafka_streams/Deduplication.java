import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.Set;
import java.util.stream.StreamSupport;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.processor.api.FixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorSupplier;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowStore;
import org.apache.kafka.streams.state.WindowStoreIterator;

/**
 * Of events with the same key and columns, lets the first go on. A window store remembers it, and forgets it by itself
 * once no repetition can come: what is more than {@code within} later is none, and none comes later than the delay.
 */
final class Deduplication implements FixedKeyProcessor<String, long[], long[]> {
    private static final String STORE = "firsts";

    private final int[] columns;
    private final int time;
    private final long within;
    private final long delay;
    private FixedKeyProcessorContext<String, long[]> context;
    private WindowStore<String, byte[]> firsts;

    private Deduplication(int[] columns, int time, long within, long delay) {
        this.columns = columns;
        this.time = time;
        this.within = within;
        this.delay = delay;
    }

    /** rule: the query's deduplication. delay: of its watermark, in milliseconds. */
    static FixedKeyProcessorSupplier<String, long[], long[]> supplier(
            JsonNode rule, Columns columns, int time, long delay) {
        int[] slots = StreamSupport.stream(rule.get("columns").spliterator(), false)
                .mapToInt(column -> columns.slot(column.asText()))
                .toArray();
        long within = rule.get("within_ms").asLong();
        return new FixedKeyProcessorSupplier<>() {
            @Override
            public FixedKeyProcessor<String, long[], long[]> get() {
                return new Deduplication(slots, time, within, delay);
            }

            @Override
            public Set<StoreBuilder<?>> stores() {
                return Set.of(Stores.windowStoreBuilder(
                        Stores.persistentWindowStore(
                                STORE, Duration.ofMillis(within + delay + 1), Duration.ofMillis(within), false),
                        Serdes.String(),
                        Serdes.ByteArray()));
            }
        };
    }

    @Override
    public void init(FixedKeyProcessorContext<String, long[]> given) {
        context = given;
        firsts = given.getStateStore(STORE);
    }

    @Override
    public void process(FixedKeyRecord<String, long[]> event) {
        long now = event.value()[time];
        StringBuilder identity = new StringBuilder(event.key());
        for (int column : columns) {
            identity.append('|').append(event.value()[column]);
        }
        // A repetition may be older than the first, as far as the log is out of order.
        try (WindowStoreIterator<byte[]> first =
                firsts.fetch(identity.toString(), Math.max(now - within + 1, 0), now + within + delay)) {
            if (first.hasNext()) {
                return;
            }
        }
        firsts.put(identity.toString(), new byte[0], now);
        context.forward(event);
    }
}
