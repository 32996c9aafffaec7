"""The customer benchmark's findings as tables for a person."""

from collections.abc import Mapping
from statistics import median

from evaluation.bench.customer.bulk import BulkFigures
from evaluation.bench.customer.history import HistoryFigures
from evaluation.bench.customer.memory import MemoryFigures
from evaluation.bench.customer.reads import Read
from evaluation.bench.customer.segments import SegmentFigures
from evaluation.bench.figures import quantile
from evaluation.bench.rated import Rated
from evaluation.bench.report import errors_text, table

__all__ = ["bulk_text", "history_text", "memory_text", "read_text"]


def read_text(found: Mapping[Read, Rated]) -> str:
    """Readings at their rates."""
    rows = [
        (
            read.name,
            f"{read.rate}/s",
            *(f"{rated.ms(share):.1f}" for share in (0.5, 0.95, 0.99)),
            str(len(rated.latencies_us)),
            errors_text(rated.errors),
        )
        for read, rated in found.items()
    ]
    head = ("reading", "rate", "p50 ms", "p95 ms", "p99 ms", "requests", "errors")
    return f"Past the cache of answers, from when each was due\n{table(head, rows)}"


def segment_text(found: SegmentFigures) -> str:
    """Previews, then members."""
    rows = [
        (
            name,
            f"{median(took):.2f}",
            f"{max(took):.2f}",
            f"{found.found[name][0]}{'+' if found.found[name][1] else ''}",
        )
        for name, took in found.previews_s.items()
    ]
    previews = table(("preview of a segment", "median s", "most s", "found"), rows)
    if not found.lags_s:
        return f"{previews}\nNobody became a member."
    middle, most = (quantile(found.lags_s, share) * 1_000 for share in (0.5, 1))
    return (
        f"{previews}\nFrom the answer to an interaction until its contact is listed "
        f"as a member: median {middle:.0f} ms, most {most:.0f} ms, of "
        f"{len(found.lags_s)}; {found.unnoticed} never were."
    )


def history_text(found: HistoryFigures) -> str:
    """With and without."""
    own, other = (
        ", ".join(f"{each:.2f}" for each in values)
        for values in (found.with_ms, found.without_ms)
    )
    return (
        "A change of a contact, its event logged and published, by hand\n"
        f"with its history: {own} ms of CPU in each round; without: {other}\n"
        f"It adds {found.added_ms:.3f} ms to the {found.write.all_cpu_ms:.2f} ms of "
        f"CPU that a PATCH over HTTP takes in all processes: {found.share:.1%}. "
        f"{found.write.rate:.0f} PATCHes/s, p50 {found.write.p50_ms:.1f} ms."
    )


def bulk_text(found: BulkFigures) -> str:
    """Both jobs, and the readers beside them."""
    head = ("job", "records", "records/s", "reads p50 ms", "p95 ms", "errors")
    rows = [
        (
            name,
            str(job.records),
            f"{job.rate:.0f}",
            f"{job.reads.ms(0.5):.1f}",
            f"{job.reads.ms(0.95):.1f}",
            errors_text(job.reads.errors),
        )
        for name, job in (("update", found.update), ("undo", found.undo))
    ]
    return (
        f"A bulk update and its undoing, 50 reads a second beside\n{table(head, rows)}"
    )


def memory_text(found: MemoryFigures) -> str:
    """Process by process."""
    head = ("process", "first MB", "last MB", "most MB", "grown MB")
    rows = [
        (
            name,
            f"{samples[0]:.1f}",
            f"{samples[-1]:.1f}",
            f"{max(samples):.1f}",
            f"{found.grown_mb(name):+.1f}",
        )
        for name, samples in found.samples_mb.items()
    ]
    load, processes = found.load, table(head, rows)
    return (
        f"Memory over {found.minutes:.1f} minutes of a mixed load\n{processes}\n"
        f"{len(load.latencies_us)} requests, p50 {load.ms(0.5):.1f} ms, p99 "
        f"{load.ms(0.99):.1f} ms, errors: {errors_text(load.errors)}"
    )
