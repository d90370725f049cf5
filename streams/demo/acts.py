"""The acts of the demo, in order; each tells what it shows."""

from collections import Counter

from streams import scorecards
from streams.cli.show import brief, now
from streams.client import Publisher, Reader, admin
from streams.codec import decode
from streams.demo import chosen
from streams.demo.chart import chart
from streams.demo.flow import Flow
from streams.demo.outsider import Outsider
from streams.demo.patience import Patience, until
from streams.demo.purchases import Purchases
from streams.demo.recounted import Key, Latest, Life, Recounted, differing, unsteady
from streams.demo.running import Worker
from streams.demo.telling import bars, counted, head, tell
from streams.errors import PlainscoreError
from streams.scoring.explain import explain, in_words
from streams.scoring.scorecard import Scorecard
from streams.topics import KINDS

PARTITIONS = 4
EXAMPLES = ("everyday", "rider")
TOLD_ABOUT = "everyday"  # the scorecard by which one citizen's score is explained
STILL = 10.0  # seconds without a record, after which a score that differs is taken to stay so
SHOWN = 20  # differing scores
LEFT_OUT = 3  # events on record that do not count, in the explanation


def set_up(brokers: str) -> None:
    """Make the topics and publish the scorecards."""
    admin.apply(brokers, partitions=PARTITIONS)
    with Publisher(brokers) as publisher:
        for name in EXAMPLES:
            publisher.publish_scorecard(scorecards.example(name))


class Demo:
    """What the acts share: the broker, the worker, and an outsider who sees the topics."""

    def __init__(
        self, brokers: str, bought: Purchases, began: int, outsider: Outsider, worker: Worker
    ) -> None:
        self.told_about = ""  # a citizen, once one was chosen
        self._brokers = brokers
        self._bought = bought
        self._began = began  # when the demo began, in ms
        self._end = bought.end(began)  # as of when all is read, in ms
        self._outsider = outsider
        self._seen = outsider.records
        self._worker = worker
        self._recounted = Recounted(outsider.records)
        self._latest = Latest(outsider.records)

    # ---- publish, score, kill

    def flow(self) -> None:
        """Publish everything, kill the worker half way, and let time pass to the end."""
        with Flow(self._brokers, self._bought, self._began) as flow:
            total, killed = len(flow.events), False
            patience = Patience("The worker does not go on")
            with bars(published=total, scored=total) as show:
                while True:
                    done = self._worker.done(*KINDS)
                    show("published", flow.published)
                    show("scored", done)
                    if not flow.going_on and self._worker.done("consents"):
                        flow.go_on()  # the worker is at work
                    if not killed and done >= total // 2:
                        self._worker.kill()
                        self._worker.start()
                        killed = True
                        tell(
                            f"Killed the worker (kill -9) after {done:,} of {total:,} events, with "
                            f"{flow.published:,} published, and started another."
                        )
                    if flow.sent() and done >= total:
                        break
                    patience.hold((flow.published, done, self._outsider.count(*self._seen)))
        kinds = Counter(topic for topic, _ in flow.events)
        tell(
            f"Scored: {kinds['purchases']:,} purchases, {kinds['fines']:,} invented fines and "
            f"{kinds['payments']:,} invented payments."
        )
        with Publisher(self._brokers) as publisher:
            publisher.tick(self._end)
        wanted = {**kinds, "consents": len(flow.consents), "ticks": PARTITIONS}
        until(
            lambda: all(self._outsider.count(each) >= count for each, count in wanted.items()),
            "The outside consumer does not see all that was published",
        )

    # ---- recount

    def recount(self) -> None:
        """Recount every score from the topics, and wait until the worker is there too."""
        done = 0
        with bars(recounted=len(self._bought.citizens)) as show:

            def on_citizen() -> None:
                nonlocal done
                done += 1
                if done % 100 == 0:
                    show("recounted", done)

            self._recounted.count(on_citizen)
        self._until_same()
        changes, letters = map(self._outsider.count, ("score-changes", "dead-letters"))
        refused = f"; {letters:,} records were refused as dead letters" if letters else ""
        tell(f"{changes:,} changes of scores were published, each with its reasons{refused}.")

    def _until_same(self) -> list[Key]:
        """Wait until every score equals the recount; or nothing moves, and give which differ."""
        patience = Patience("The worker does not come to an end")
        while different := differing(self._recounted.standings, self._latest.read()):
            if patience.waited() > STILL:
                break
            patience.hold(self._outsider.count(*self._seen))
        return different

    # ---- scores

    def scores(self) -> None:
        """Show how the scores are distributed, and the tiers."""
        standings = self._latest.read()
        for page in (self._page(name) for name in EXAMPLES):
            mine = [each for key, each in standings.items() if key.scorecard == page.id]
            if not mine:
                continue
            read = {each.reads for each in page.characteristics}
            what = "purchases, and for some invented fines and payments"
            what = what if "purchases" in read else "invented fines only"
            head(f"Scores by `{page.id}` ({what}), as of {brief(self._end)[:10]}")
            for line in chart([each.score for each in mine], page.high):
                tell(line)
            tell("")
            tiers = Counter(each.tier for each in mine)
            for tier in reversed(page.tiers):
                perks = " ".join(perk.text for perk in page.perks if perk.tier == tier.id)
                tell(f"{tier.id:>10} from {tier.start} {tiers[tier.id]:>8,}  {perks}".rstrip())

    def _page(self, scorecard_id: str) -> Scorecard:
        page = self._recounted.published.in_force(scorecard_id, self._end)
        assert page
        return page

    # ---- rights

    def rights(self) -> None:
        """Explain one citizen's score, let that one dispute an event, and another withdraw."""
        page = self._page(TOLD_ABOUT)
        life = chosen.citizen(self._recounted.lives.values(), page)
        self.told_about = life.citizen
        with Reader(self._brokers) as reader:
            stored = reader.citizen(life.citizen)
        if stored is None:
            raise PlainscoreError(f"Nothing is stored of {life.citizen}, who has consented")
        head(f"What {life.citizen} is told (purchases real, fines and payments invented)")
        told = explain(stored.citizen, stored.ledger, stored.citizen.as_of, page)
        for sentence in in_words(told._replace(left_out=told.left_out[:LEFT_OUT])):
            tell(sentence)
        if len(told.left_out) > LEFT_OUT:
            tell(f"- and {len(told.left_out) - LEFT_OUT} more.")
        with Publisher(self._brokers) as publisher:
            self._dispute(publisher, life)
            self._withdrawal(publisher, life)

    def _dispute(self, publisher: Publisher, life: Life) -> None:
        key = Key(life.citizen, TOLD_ABOUT)
        disputed = chosen.dispute(life, self._page(TOLD_ABOUT))
        before, then = self._latest.read()[key], disputed.then
        kind, source, event_id = disputed.about
        publisher.dispute(
            life.citizen,
            {
                "kind": kind,
                "source": source,
                "event_id": event_id,
                "occurred_at": disputed.occurred_at,
            },
            statement="That was not me.",
        )
        until(lambda: self._latest.read().get(key) == then, "The dispute does not take effect")
        head(f"{life.citizen} disputes an event: {kind} {event_id} of {source}")
        tell(
            f"Before: {before.score}, {before.tier}. Now: {then.score}, {then.tier}. It counts for "
            "nothing until somebody decides, and never again if nobody does within 30 days."
        )

    def _withdrawal(self, publisher: Publisher, life: Life) -> None:
        others = [each for each in reversed(self._bought.citizens) if each != life.citizen]
        leaving = others[0] if others else life.citizen
        receipt_id = publisher.withdraw(leaving)

        def receipt() -> bytes | None:
            found = [each for each in self._seen["receipts"] if each.key == receipt_id.encode()]
            return found[0].value if found else None

        until(lambda: receipt() is not None, "No receipt of the erasure comes")
        told = decode("receipts", receipt())
        erased = told["erased"]
        with Reader(self._brokers) as reader:
            if reader.citizen(leaving) is not None:
                raise PlainscoreError(f"{leaving} has withdrawn, and something is stored still")
        head(f"{leaving} withdraws")
        tell(
            f"Erased, says the receipt: {counted(erased['scorecards'], 'score')} and "
            f"{counted(erased['entries'], 'event')}. The last copy in Kafka is gone by "
            f"{brief(told['erased_by'])[:10]}. Receipt {receipt_id}."
        )

    # ---- proof

    def proof(self) -> bool:
        """Compare every score with the recount, and say it; False if anything is wrong."""
        until(
            lambda: self._outsider.count("disputes") > 0 and self._withdrawals() > 0,
            "The outside consumer does not see all that was published",
        )
        self._recounted.count()  # again whoever has disputed or withdrawn
        different = self._until_same()
        broken = unsteady(self._seen)
        wanted = self._recounted.standings
        citizens = len({key.citizen for key in wanted})
        head("From the topics alone, each score from scratch")
        tell(
            f"{len(wanted):,} scores of {citizens:,} citizens (one has withdrawn), "
            f"{self._outsider.count('score-changes'):,} changes, in "
            f"{(now() - self._began) / 1000:.0f} s."
        )
        if broken:
            tell(f"The changes of these scores have gaps or repeats: {_listed(broken)}")
        else:
            tell("No change was published twice and none is missing, in spite of the kill.")
        whole = f"{self._outsider.count('purchases'):,} purchases, {citizens:,} citizens"
        if different:
            tell(f"These differ: {_listed(different)}")
            whose = len({key.citizen for key in different})
            tell(f"{whole}: {counted(whose, 'citizen')} with a score that is not the recount's")
        elif not broken:
            tell(f"{whole}: every score equals the recount")
        return not different and not broken

    def _withdrawals(self) -> int:
        keys = {citizen.encode() for citizen in self._bought.citizens}
        return sum(each.value is None and each.key in keys for each in self._seen["consents"])


def _listed(keys: list[Key]) -> str:
    """Write the first keys in words."""
    more = f" and {len(keys) - SHOWN:,} more" if len(keys) > SHOWN else ""
    return ", ".join(f"{key.citizen} ({key.scorecard})" for key in keys[:SHOWN]) + more
