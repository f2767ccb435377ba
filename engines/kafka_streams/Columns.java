import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.Deserializer;

/** How an event is held: an array with a slot for each integer column of the query, derived ones last. */
final class Columns {
    /** Not a value of any column: those are not negative. */
    private static final long ABSENT = Long.MIN_VALUE;

    /** In place of a slot: the query's key, the one column that is text. It is the record's key as well. */
    private static final int KEY = -1;

    /** (Sum of weight * column, plus constant) / divisor, rounded down. */
    private record Linear(int slot, int[] sources, long[] weights, long constant, long divisor) {
        void derive(long[] event) {
            long dividend = constant;
            for (int i = 0; i < sources.length; i++) {
                dividend = Math.addExact(dividend, Math.multiplyExact(weights[i], event[sources[i]]));
            }
            event[slot] = Math.floorDiv(dividend, divisor);
        }
    }

    private final JsonFactory json = new JsonFactory();
    private final Map<String, Integer> slots = new HashMap<>();
    private final List<String> names = new ArrayList<>();
    private final List<Linear> derived = new ArrayList<>();
    private final int read;
    private final long[] absent;
    private final String key;

    Columns(JsonNode query) {
        key = query.get("key").asText();
        for (JsonNode column : query.get("columns")) {
            if (!column.get("name").asText().equals(key)) {
                add(column.get("name").asText());
            }
        }
        read = names.size();
        for (JsonNode linear : query.get("derived")) {
            JsonNode weights = linear.get("weights");
            int[] sources = new int[weights.size()];
            long[] factors = new long[weights.size()];
            for (int i = 0; i < weights.size(); i++) {
                sources[i] = slot(weights.get(i).get(0).asText());
                factors[i] = weights.get(i).get(1).asLong();
            }
            int slot = add(linear.get("name").asText());
            derived.add(new Linear(
                    slot, sources, factors, linear.get("constant").asLong(), linear.get("divisor").asLong()));
        }
        slots.put(key, KEY);
        absent = new long[names.size()];
        Arrays.fill(absent, ABSENT);
    }

    private int add(String name) {
        slots.put(name, names.size());
        names.add(name);
        return names.size() - 1;
    }

    int slot(String column) {
        Integer slot = slots.get(column);
        if (slot == null || slot == KEY) {
            throw new IllegalArgumentException("the query has no integer column " + column);
        }
        return slot;
    }

    /** Fills an event's derived columns, in place. */
    long[] derive(long[] event) {
        for (Linear linear : derived) {
            linear.derive(event);
        }
        return event;
    }

    /** Reads an event as JSON; SerializationException says what is wrong with one that lacks a column, say. */
    Deserializer<long[]> reader() {
        return (topic, bytes) -> {
            if (bytes == null) {
                throw new SerializationException("an event in " + topic + " has no value");
            }
            long[] event = absent.clone();
            boolean named = false;
            try (JsonParser parser = json.createParser(bytes)) {
                if (parser.nextToken() != JsonToken.START_OBJECT) {
                    throw new SerializationException("an event in " + topic + " is not a JSON object");
                }
                for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
                    JsonToken value = parser.nextToken();
                    Integer slot = slots.get(name);
                    if (slot == null) {
                        parser.skipChildren();
                    } else if (slot == KEY) {
                        named = true;
                        require(value, JsonToken.VALUE_STRING, name, topic);
                    } else {
                        require(value, JsonToken.VALUE_NUMBER_INT, name, topic);
                        event[slot] = parser.getLongValue();
                    }
                }
                if (parser.nextToken() != null) {
                    throw new SerializationException("an event in " + topic + " is followed by more in its record");
                }
            } catch (JsonProcessingException error) {
                throw new SerializationException(
                        "an event in " + topic + " is not a JSON object: " + error.getOriginalMessage(), error);
            } catch (IOException error) {
                throw new SerializationException("an event in " + topic + " cannot be read", error);
            }
            for (int slot = 0; slot < read; slot++) {
                if (event[slot] == ABSENT) {
                    throw lacking(names.get(slot), topic);
                }
            }
            if (!named) {
                throw lacking(key, topic);
            }
            return event;
        };
    }

    private static void require(JsonToken found, JsonToken wanted, String column, String topic) {
        if (found != wanted) {
            throw new SerializationException(
                    "column " + column + " of an event in " + topic + " is " + found + ", not " + wanted);
        }
    }

    private static SerializationException lacking(String column, String topic) {
        return new SerializationException("an event in " + topic + " lacks column " + column);
    }
}
