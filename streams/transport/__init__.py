"""Faust's transport on librdkafka: the consumer and the transaction."""
