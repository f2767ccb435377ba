import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/**
 * Aggregates of each item of a window, of which the largest are its answer. State: for each item, one after another,
 * the length of its aggregates' state, the item, and that state.
 */
final class TopItems {
    private static final int HEAD = 2;

    private final Aggregates aggregates;
    private final int item;
    private final int by;
    private final int count;

    /** names: of the aggregates, in their order. */
    TopItems(JsonNode top, Aggregates aggregates, List<String> names, Columns columns) {
        this.aggregates = aggregates;
        item = columns.slot(top.get("item").asText());
        by = names.indexOf(top.get("by").asText());
        count = top.get("n").asInt();
    }

    long[] empty() {
        return new long[0];
    }

    long[] add(long[] event, long[] state) {
        int at = 0;
        while (at < state.length && state[at + 1] != event[item]) {
            at += HEAD + (int) state[at];
        }
        if (at == state.length) {
            long[] first = aggregates.add(event, aggregates.empty());
            return Numbers.joined(state, Numbers.joined(new long[] {first.length, event[item]}, first));
        }
        int from = at + HEAD;
        int to = from + (int) state[at];
        long[] grown = aggregates.add(event, Arrays.copyOfRange(state, from, to));
        state[at] = grown.length;
        return Numbers.replaced(state, from, to, grown);
    }

    /** Rank, item and totals of each of the top items. */
    List<long[]> ranked(long[] state) {
        List<long[]> items = new ArrayList<>();
        for (int at = 0; at < state.length; at += HEAD + (int) state[at]) {
            // The totals, led by a place for the rank and by the item.
            items.add(Arrays.copyOfRange(state, at, at + HEAD + aggregates.size()));
        }
        items.sort(Comparator.<long[]>comparingLong(row -> -row[HEAD + by]).thenComparingLong(row -> row[1]));
        List<long[]> top = items.subList(0, Math.min(count, items.size()));
        for (int rank = 0; rank < top.size(); rank++) {
            top.get(rank)[0] = rank + 1;
        }
        return top;
    }
}
