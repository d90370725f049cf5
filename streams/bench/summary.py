"""The medians of all runs, by way, as the command gives them out."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from streams.bench.latency import Latency
from streams.bench.measure import After, Run
from streams.bench.plain_faust import STORE


def summary(runs: Mapping[str, Sequence[Run]]) -> dict[str, dict[str, Any]]:
    """Give what every run measures."""
    shown: dict[str, dict[str, Any]] = {}
    for way, each in runs.items():
        shown[way] = {
            "events_per_s": round(median(run.events_per_s for run in each)),
            "events_per_cpu_s": round(median(run.events_per_cpu_s for run in each)),
            "peak_rss_mib": round(median(run.peak_rss_mib for run in each), 1),
            "state_bytes_per_citizen": round(
                median(run.state_bytes / run.citizens for run in each)
            ),
            "events": each[0].events,
            "citizens": each[0].citizens,
            "events_per_s_by_run": [round(run.events_per_s) for run in each],
        }
    if "faust" in shown:
        shown["faust"]["store"] = STORE
    return shown


def full_summary(runs: Mapping[str, Sequence[tuple[Run, After]]]) -> dict[str, dict[str, Any]]:
    """Give what full runs measure; None where that makes no sense for a way."""
    shown = summary({way: [run for run, _ in each] for way, each in runs.items()})
    for way, each in runs.items():
        afters = [after for _, after in each]
        shown[way] |= {
            "broker_cpu_us_per_event": round(
                median(run.broker_cpu_seconds / run.events * 1e6 for run, _ in each), 1
            ),
            "latency_at_2000_per_s": _latency(after.at_calm for after in afters),
            "latency_at_half_of_its_most": _latency(after.at_half for after in afters),
            "restored_records_per_s": _median(after.restored_per_s for after in afters),
        }
    return shown


def _latency(measured: Iterable[Latency | None]) -> dict[str, float] | None:
    found = [each for each in measured if each is not None]
    if not found:
        return None
    return {
        "events_per_s": round(median(each.rate for each in found)),
        "p50_ms": round(median(each.p50 for each in found), 1),
        "p99_ms": round(median(each.p99 for each in found), 1),
        "p99_9_ms": round(median(each.p99_9 for each in found), 1),
        "changes": round(median(each.changes for each in found)),
    }


def _median(measured: Iterable[float | None]) -> int | None:
    found = [each for each in measured if each is not None]
    return round(median(found)) if found else None
