import java.util.Map;
import org.apache.kafka.streams.state.RocksDBConfigSetter;
import org.rocksdb.BlockBasedTableConfig;
import org.rocksdb.Cache;
import org.rocksdb.LRUCache;
import org.rocksdb.Options;
import org.rocksdb.RocksDB;
import org.rocksdb.WriteBufferManager;

/** One block cache, memtables inside it, for all of the instance's stores, as Kafka's memory guide has it. */
public final class BoundedRocksDB implements RocksDBConfigSetter {
    private static Cache cache;
    private static WriteBufferManager memtables;

    static void limit(long bytes) {
        RocksDB.loadLibrary();
        cache = new LRUCache(bytes);
        memtables = new WriteBufferManager(bytes / 2, cache);
    }

    @Override
    public void setConfig(String store, Options options, Map<String, Object> configs) {
        BlockBasedTableConfig table = (BlockBasedTableConfig) options.tableFormatConfig();
        table.setBlockCache(cache);
        table.setCacheIndexAndFilterBlocks(true);
        options.setWriteBufferManager(memtables);
        options.setTableFormatConfig(table);
    }

    @Override
    public void close(String store, Options options) {
        // The cache is shared by the stores and lives as long as the process.
    }
}
