import java.util.Set;
import java.util.TreeSet;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.streams.StreamsConfig;

/** Prints every option that Kafka Streams and its clients list, a line each: {@code java OptionNames}. */
public final class OptionNames {
    private static final String[] CONSUMERS = {"", "consumer.", "main.consumer.", "restore.consumer.", "global.consumer."};

    private OptionNames() {}

    public static void main(String[] arguments) {
        Set<String> names = new TreeSet<>(StreamsConfig.configDef().names());
        for (String prefix : CONSUMERS) {
            ConsumerConfig.configNames().forEach(name -> names.add(prefix + name));
        }
        for (String prefix : new String[] {"", "producer."}) {
            ProducerConfig.configNames().forEach(name -> names.add(prefix + name));
        }
        for (String prefix : new String[] {"", "admin."}) {
            AdminClientConfig.configNames().forEach(name -> names.add(prefix + name));
        }
        names.forEach(System.out::println);
    }
}
