"""The agent: Faust brings batches, the lane gives each a transaction, `process` does the rest."""

from collections.abc import AsyncIterator
from typing import Any

from streams.process.batch import Options
from streams.process.process import process
from streams.published import Published
from streams.transport.batch import Batch
from streams.transport.lane import Lane


def score_events(app: Any, lane: Lane, scorecards: Published, options: Options, events: Any) -> Any:
    """Declare the tables and the agent of a worker; gives the agent."""
    citizens = app.Table("citizens")
    ledger = app.Table("ledger")

    @app.agent(events)  # type: ignore[untyped-decorator]
    async def score(batches: AsyncIterator[Batch]) -> None:
        async for batch in batches:
            async with lane.transaction(batch) as parts:
                for part in parts:
                    part.outcome = process(
                        part.number,
                        part.records,
                        citizens.view(part.number),
                        ledger.view(part.number),
                        scorecards,
                        part.out,
                        options,
                        part.known,
                    )

    return score
