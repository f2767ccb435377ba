import com.fasterxml.jackson.databind.JsonNode;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;

/** What a key's next event, in the log's order, does to the key's state: where the DSL has no word for a shape. */
interface Step {
    /** state: null at first; it may be changed. due: takes a row's values. Returns the new state, null for none. */
    long[] take(long[] state, long[] event, Consumer<long[]> due);

    /**
     * Windows of {@code size} records, one every {@code slide}.
     *
     * <p>They are put together from panes of {@code slide} records. State: how many records the newest pane has, then
     * each pane, newest first: the length of its aggregates' state, and that state.
     */
    static Step counted(Aggregates aggregates, int size, int slide) {
        return (state, event, due) -> {
            long[] panes = state == null ? Numbers.joined(new long[1], pane(aggregates)) : state;
            int end = 2 + (int) panes[1];
            long[] newest = aggregates.add(event, Arrays.copyOfRange(panes, 2, end));
            panes[1] = newest.length;
            panes = Numbers.replaced(panes, 2, end, newest);
            panes[0]++;
            if (panes[0] < slide) {
                return panes;
            }
            int oldest = 1;
            int full = 1;
            long[] window = newest;
            for (int next = 2 + newest.length; next < panes.length; next += 1 + (int) panes[next]) {
                oldest = next;
                full++;
                window = aggregates.merge(Arrays.copyOfRange(panes, next + 1, next + 1 + (int) panes[next]), window);
            }
            if (full == size / slide) {
                due.accept(window);
                panes = Arrays.copyOf(panes, oldest);
            }
            if (panes.length == 1) {
                return null;
            }
            panes[0] = 0;
            return Numbers.replaced(panes, 1, 1, pane(aggregates));
        };
    }

    private static long[] pane(Aggregates aggregates) {
        long[] empty = aggregates.empty();
        return Numbers.joined(new long[] {empty.length}, empty);
    }

    /** Windows that end with a record that meets the condition. State: that of the open window's aggregates. */
    static Step until(Aggregates aggregates, Conditions end) {
        return (state, event, due) -> {
            long[] window = aggregates.add(event, state == null ? aggregates.empty() : state);
            if (!end.hold(event)) {
                return window;
            }
            due.accept(window);
            return null;
        };
    }

    /** A state machine. State: [state, id and time of the event that began the match]; none in the initial state. */
    static Step machine(JsonNode machine, Columns columns, int time, int id, int check) {
        record Trigger(long state, long symbol) {}
        record Effect(long to, boolean answers, long output) {}
        Map<Trigger, Effect> transitions = new HashMap<>();
        for (JsonNode transition : machine.get("transitions")) {
            transitions.put(
                    new Trigger(transition.get("state").asLong(), transition.get("symbol").asLong()),
                    new Effect(
                            transition.get("to").asLong(),
                            transition.hasNonNull("output"),
                            transition.get("output").asLong()));
        }
        int symbol = columns.slot(machine.get("symbol").asText());
        long within = machine.get("within_ms").asLong();
        return (state, event, due) -> {
            long[] match = state == null || event[time] - state[2] > within ? null : state;
            Effect effect = transitions.get(new Trigger(match == null ? 0 : match[0], event[symbol]));
            if (effect == null) {
                return match;
            }
            long since = match == null ? event[id] : match[1];
            long began = match == null ? event[time] : match[2];
            if (effect.answers()) {
                due.accept(new long[] {event[id], effect.output(), since, event[check]});
            }
            return effect.to() == 0 ? null : new long[] {effect.to(), since, began};
        };
    }
}
