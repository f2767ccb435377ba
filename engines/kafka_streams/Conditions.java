import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;

/** Conditions of a query that an event must meet, all of them. */
final class Conditions {
    /** modulo: 0 for none. */
    private record Condition(int slot, String comparator, long value, long modulo) {
        boolean holds(long[] event) {
            long found = modulo == 0 ? event[slot] : Math.floorMod(event[slot], modulo);
            return switch (comparator) {
                case "=" -> found == value;
                case "!=" -> found != value;
                case "<" -> found < value;
                case "<=" -> found <= value;
                case ">" -> found > value;
                case ">=" -> found >= value;
                default -> throw new IllegalArgumentException("no comparator " + comparator);
            };
        }
    }

    private final Condition[] conditions;

    Conditions(Iterable<JsonNode> conditions, Columns columns) {
        List<Condition> found = new ArrayList<>();
        for (JsonNode condition : conditions) {
            found.add(new Condition(
                    columns.slot(condition.get("column").asText()),
                    condition.get("comparator").asText(),
                    condition.get("value").asLong(),
                    condition.get("modulo").asLong(0)));
        }
        this.conditions = found.toArray(Condition[]::new);
    }

    boolean hold(long[] event) {
        for (Condition condition : conditions) {
            if (!condition.holds(event)) {
                return false;
            }
        }
        return true;
    }
}
