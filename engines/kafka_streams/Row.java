import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.stream.StreamSupport;
import org.apache.kafka.common.serialization.Serializer;

/** A row of the answer: its key and, in the order of the job's field names, its integers; {@code values} may go on. */
record Row(String key, long[] values) {
    /** Writes rows as JSON objects. names: an array of text. */
    static Serializer<Row> writer(JsonNode names) {
        List<String> fields = StreamSupport.stream(names.spliterator(), false).map(JsonNode::asText).toList();
        JsonFactory json = new JsonFactory();
        return (topic, row) -> {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream(256);
            try (JsonGenerator generator = json.createGenerator(bytes)) {
                generator.writeStartObject();
                generator.writeStringField("key", row.key());
                for (int i = 0; i < fields.size(); i++) {
                    generator.writeNumberField(fields.get(i), row.values()[i]);
                }
                generator.writeEndObject();
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
            return bytes.toByteArray();
        };
    }
}
