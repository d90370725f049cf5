"""What producers and consumers import. Needs neither Faust nor RocksDB."""
