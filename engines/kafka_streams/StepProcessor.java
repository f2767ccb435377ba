import java.util.Set;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.processor.api.FixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorSupplier;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/** Takes a step for each event, the keys' states being in a key-value store. */
final class StepProcessor implements FixedKeyProcessor<String, long[], Row> {
    private static final String STORE = "states";

    private final Step step;
    private FixedKeyProcessorContext<String, Row> context;
    private KeyValueStore<String, long[]> states;

    private StepProcessor(Step step) {
        this.step = step;
    }

    static FixedKeyProcessorSupplier<String, long[], Row> supplier(Step step) {
        return new FixedKeyProcessorSupplier<>() {
            @Override
            public FixedKeyProcessor<String, long[], Row> get() {
                return new StepProcessor(step);
            }

            @Override
            public Set<StoreBuilder<?>> stores() {
                // Cached, as the DSL's own stores are: the changelog gets a key once a commit.
                return Set.of(Stores.keyValueStoreBuilder(
                                Stores.persistentKeyValueStore(STORE), Serdes.String(), Numbers.serde())
                        .withCachingEnabled());
            }
        };
    }

    @Override
    public void init(FixedKeyProcessorContext<String, Row> given) {
        context = given;
        states = given.getStateStore(STORE);
    }

    @Override
    public void process(FixedKeyRecord<String, long[]> event) {
        long[] held = states.get(event.key());
        long[] next = step.take(
                held, event.value(), row -> context.forward(event.withValue(new Row(event.key(), row))));
        if (next != null || held != null) {
            states.put(event.key(), next);
        }
    }
}
