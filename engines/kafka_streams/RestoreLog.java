import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.streams.processor.StateRestoreListener;

/** Says in the instance's log when which partition's store was restored, so that rows can be set against who held them. */
final class RestoreLog implements StateRestoreListener {
    @Override
    public void onRestoreStart(TopicPartition partition, String store, long from, long to) {
        Application.note("restores " + of(partition, store) + ": " + (to - from) + " offsets");
    }

    @Override
    public void onBatchRestored(TopicPartition partition, String store, long to, long count) {}

    @Override
    public void onRestoreEnd(TopicPartition partition, String store, long count) {
        Application.note("has restored " + of(partition, store) + ": " + count + " records");
    }

    @Override
    public void onRestoreSuspended(TopicPartition partition, String store, long count) {
        Application.note("gives up " + of(partition, store) + " after " + count + " records");
    }

    private static String of(TopicPartition partition, String store) {
        return "partition " + partition.partition() + " of " + store;
    }
}
