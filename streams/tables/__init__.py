"""Faust's Table and Store on RocksDB: overlay, changelogs, restore."""
