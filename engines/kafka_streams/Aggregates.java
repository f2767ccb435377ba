import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * A list of aggregates over events. Their state is one array of numbers: a total for each, then, for each count of
 * distinct values, the values themselves in ascending order (its total says how many).
 *
 * <p>{@code add} and {@code merge} may change the state they are given and return it: Kafka Streams hands over what it
 * has just read from a store.
 */
final class Aggregates {
    private enum Function { COUNT, SUM, MIN, MAX, DISTINCT, LAST }

    private final Function[] functions;
    private final int[] sources;

    private Aggregates(List<Function> functions, List<Integer> sources) {
        this.functions = functions.toArray(Function[]::new);
        this.sources = sources.stream().mapToInt(Integer::intValue).toArray();
    }

    /** outputs: objects with a function in lower case and a column, null for count. */
    static Aggregates of(JsonNode outputs, Columns columns) {
        List<Function> functions = new ArrayList<>();
        List<Integer> sources = new ArrayList<>();
        for (JsonNode output : outputs) {
            functions.add(Function.valueOf(output.get("function").asText().toUpperCase(Locale.ROOT)));
            sources.add(output.hasNonNull("column") ? columns.slot(output.get("column").asText()) : 0);
        }
        return new Aggregates(functions, sources);
    }

    /** These, and before them the smallest value of a column. */
    Aggregates withLeast(int slot) {
        return with(Function.MIN, slot);
    }

    /** These, and before them the last event's value of a column. */
    Aggregates withLast(int slot) {
        return with(Function.LAST, slot);
    }

    private Aggregates with(Function function, int slot) {
        List<Function> mine = new ArrayList<>(List.of(functions));
        List<Integer> slots = new ArrayList<>(Arrays.stream(sources).boxed().toList());
        mine.add(0, function);
        slots.add(0, slot);
        return new Aggregates(mine, slots);
    }

    /** The number of totals, which a state begins with. */
    int size() {
        return functions.length;
    }

    long[] empty() {
        long[] state = new long[functions.length];
        for (int i = 0; i < state.length; i++) {
            state[i] = functions[i] == Function.MIN ? Long.MAX_VALUE : 0;
        }
        return state;
    }

    long[] add(long[] event, long[] state) {
        int values = functions.length;
        for (int i = 0; i < functions.length; i++) {
            long value = event[sources[i]];
            switch (functions[i]) {
                case COUNT -> state[i]++;
                case SUM -> state[i] += value;
                case MIN -> state[i] = Math.min(state[i], value);
                case MAX -> state[i] = Math.max(state[i], value);
                case LAST -> state[i] = value;
                case DISTINCT -> {
                    int end = values + (int) state[i];
                    int found = Arrays.binarySearch(state, values, end, value);
                    if (found < 0) {
                        int at = -found - 1;
                        state = Numbers.replaced(state, at, at, new long[] {value});
                        state[i]++;
                        end++;
                    }
                    values = end;
                }
            }
        }
        return state;
    }

    /** The state over the events of both; {@code other} has the later ones. */
    long[] merge(long[] one, long[] other) {
        long[] merged = new long[one.length + other.length - functions.length];
        int mine = functions.length;
        int theirs = functions.length;
        int end = functions.length;
        for (int i = 0; i < functions.length; i++) {
            switch (functions[i]) {
                case COUNT, SUM -> merged[i] = one[i] + other[i];
                case MIN -> merged[i] = Math.min(one[i], other[i]);
                case MAX -> merged[i] = Math.max(one[i], other[i]);
                case LAST -> merged[i] = other[i];
                case DISTINCT -> {
                    int begin = end;
                    int mineEnd = mine + (int) one[i];
                    int theirsEnd = theirs + (int) other[i];
                    while (mine < mineEnd || theirs < theirsEnd) {
                        long value = theirs == theirsEnd || mine < mineEnd && one[mine] < other[theirs]
                                ? one[mine]
                                : other[theirs];
                        if (mine < mineEnd && one[mine] == value) {
                            mine++;
                        }
                        if (theirs < theirsEnd && other[theirs] == value) {
                            theirs++;
                        }
                        merged[end++] = value;
                    }
                    merged[i] = end - begin;
                }
            }
        }
        return end == merged.length ? merged : Arrays.copyOf(merged, end);
    }
}
