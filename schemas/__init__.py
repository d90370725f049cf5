"""The contract: Avro schemas of every topic and of the stored state, and example scorecards."""
