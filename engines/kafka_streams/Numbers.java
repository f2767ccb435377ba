import java.nio.ByteBuffer;
import java.util.Arrays;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;

/** Arrays of numbers, which is what events and all states are; in a store they are eight bytes a number. */
final class Numbers {
    private Numbers() {}

    static Serde<long[]> serde() {
        return Serdes.serdeFrom(
                (topic, numbers) -> {
                    if (numbers == null) {
                        return null;
                    }
                    ByteBuffer buffer = ByteBuffer.allocate(Long.BYTES * numbers.length);
                    buffer.asLongBuffer().put(numbers);
                    return buffer.array();
                },
                (topic, bytes) -> {
                    if (bytes == null) {
                        return null;
                    }
                    long[] numbers = new long[bytes.length / Long.BYTES];
                    ByteBuffer.wrap(bytes).asLongBuffer().get(numbers);
                    return numbers;
                });
    }

    static long[] joined(long[] one, long[] other) {
        long[] both = Arrays.copyOf(one, one.length + other.length);
        System.arraycopy(other, 0, both, one.length, other.length);
        return both;
    }

    /** {@code numbers} with its range from..to replaced: in place where the length stays. */
    static long[] replaced(long[] numbers, int from, int to, long[] replacement) {
        long[] result = numbers;
        if (to - from != replacement.length) {
            result = new long[numbers.length - (to - from) + replacement.length];
            System.arraycopy(numbers, 0, result, 0, from);
            System.arraycopy(numbers, to, result, from + replacement.length, numbers.length - to);
        }
        System.arraycopy(replacement, 0, result, from, replacement.length);
        return result;
    }
}
