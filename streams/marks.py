"""By what the service's own records are known: names of headers, and the key of a heartbeat."""

MOVED = "plainscore.moved"  # a record that was forwarded, and the tombstone it left behind
ANSWERS = "plainscore.answers"  # what is in force, written again; names the offset answered
RECEIPT = "receipt_id"  # of a withdrawal: where the receipt will be found
HEARTBEAT = b"\x00"  # key of what keeps the logs of compacted topics rolling
