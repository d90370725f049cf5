"""plainscore: voluntary, published, explained and contestable scoring of event streams."""
