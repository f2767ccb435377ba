import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;

/** Prints the topology that an application would run, without running it: {@code java Description job.json}. */
public final class Description {
    private Description() {}

    public static void main(String[] arguments) throws Exception {
        System.out.print(QueryTopology.of(new ObjectMapper().readTree(new File(arguments[0]))).describe());
    }
}
