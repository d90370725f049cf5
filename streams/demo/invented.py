"""What the demo invents beside real purchases: who consents to what, fines and bills.

Everything hangs on a fixed seed and the citizen's id, so each run invents the same. The sources'
names say that it is invented, wherever a record is shown.
"""

from random import Random
from typing import Any

from streams.demo.purchases import Purchases
from streams.scoring.ledger import DAY

SEED = "plainscore 1997"
ONE_IN = 4  # citizens who also let their fines and payments be read
CITY, POWER = "invented-city", "invented-power-company"

# offence, severity, amount in minor units, how often
_OFFENCES = (
    ("parking", "minor", 3_500, 8),
    ("stopping", "minor", 4_000, 3),
    ("littering", "minor", 5_000, 1),
    ("speeding", "moderate", 12_000, 4),
    ("red_light", "moderate", 15_000, 2),
    ("phone", "severe", 20_000, 1),
    ("speeding", "severe", 30_000, 1),
)
_FINES = (0, 0, 0, 0, 1, 1, 1, 2, 2, 4)  # of one citizen, each as likely
_BILLS = (2, 3, 4, 6, 8)
_PUNCTUAL = 10  # of 13 bills are paid in time, 2 late and one is missed
_LATE = 12


def consents(purchases: Purchases, now: int) -> list[dict[str, Any]]:
    """Let every citizen consent from the first purchase on; `now` in ms."""
    everyone = [{"scorecard": "everyday", "kinds": ["purchases"]}]
    some = [
        {"scorecard": "everyday", "kinds": ["purchases", "fines", "payments"]},
        {"scorecard": "rider", "kinds": ["fines"]},
    ]
    return [
        {
            "citizen_id": citizen,
            "occurred_at": now,
            "grants": [
                {**grant, "covers_from": purchases.first}
                for grant in (some if shows_more(citizen) else everyone)
            ],
        }
        for citizen in purchases.citizens
    ]


def shows_more(citizen: str) -> bool:
    """Whether a citizen lets fines and payments be read too."""
    return Random(f"{SEED} {citizen}").randrange(ONE_IN) == 0


def fines_and_payments(purchases: Purchases) -> list[tuple[str, dict[str, Any]]]:
    """Invent (topic, record) for those who let them be read, in the order of their time."""
    events: list[tuple[str, dict[str, Any]]] = []
    for citizen in filter(shows_more, purchases.citizens):
        chance = Random(f"{SEED} {citizen} events")
        for number in range(1, chance.choice(_FINES) + 1):
            events.append(("fines", _fine(citizen, number, purchases, chance)))
        for number in range(1, chance.choice(_BILLS) + 1):
            events.append(("payments", _bill(citizen, number, purchases, chance)))
    return sorted(events, key=lambda event: event[1]["occurred_at"])


def _fine(citizen: str, number: int, purchases: Purchases, chance: Random) -> dict[str, Any]:
    weights = [each[3] for each in _OFFENCES]
    offence, severity, amount, _ = chance.choices(_OFFENCES, weights)[0]
    return {
        "event_id": f"fine-{citizen}-{number}",
        "citizen_id": citizen,
        "occurred_at": chance.randint(purchases.first, purchases.last),
        "source": CITY,
        "offence": offence,
        "severity": severity,
        "amount_minor": amount,
        "currency": "USD",
    }


def _bill(citizen: str, number: int, purchases: Purchases, chance: Random) -> dict[str, Any]:
    moment = chance.randint(purchases.first, purchases.last)
    day, luck = moment // DAY, chance.randrange(_PUNCTUAL + 3)
    if luck < _PUNCTUAL:
        due_on, paid_on = day + chance.randrange(10), day
    elif luck < _LATE:
        due_on, paid_on = day - chance.randint(1, 40), day
    else:
        due_on, paid_on = day - 30, None  # reported as missed a month after it was due
    return {
        "event_id": f"bill-{citizen}-{number}",
        "citizen_id": citizen,
        "occurred_at": moment,
        "source": POWER,
        "obligation": "electricity",
        "amount_minor": chance.randrange(2_000, 15_000),
        "currency": "USD",
        "due_on": due_on,
        "paid_on": paid_on,
    }
