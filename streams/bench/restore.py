"""How fast a worker restored its tables, by its own metrics."""

from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from streams.bench.process import Process
from streams.errors import PlainscoreError


def restored_per_s(worker: Process) -> float:
    """Give the changelog records a second that a worker took in at its start."""
    served = worker.logged("metrics_served")
    if served is None:
        raise PlainscoreError("the worker did not say where its metrics are")
    with urlopen(served["url"] + "/metrics", timeout=10) as answer:
        return rate_of(answer.read().decode())


def rate_of(metrics: str) -> float:
    """Read the rate off a page of metrics; partitions are restored one after the other."""
    sums = {"plainscore_restore_records_total": 0.0, "plainscore_restore_seconds_sum": 0.0}
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples:
            if sample.name in sums:
                sums[sample.name] += sample.value
    records, seconds = sums.values()
    return records / seconds
