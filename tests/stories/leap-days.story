Days late are days of the calendar, over February 29 too.
covers: leap-days, late-or-not, measures, max-per-event
scorecards: plain.1

consent  lea 2024-02-01 plain payments from 2024-02-01
payment  lea 2024-02-15 energy b1 power 60.00 USD due 2024-02-28 paid 2024-03-01   # 2 days in a leap year
> points lea plain base 600 late -2
payment  lea 2024-02-16 energy b2 power 60.00 USD due 2023-02-28 paid 2023-03-01   # 1 day in another
> points lea plain base 600 late -3
payment  lea 2024-02-17 energy b3 power 60.00 USD due 2024-02-29 paid 2024-02-29   # on the day
> points lea plain base 600 late -3
payment  lea 2024-02-18 energy b4 power 60.00 USD due 2024-02-29 paid 2024-03-01   # 1 day
> points lea plain base 600 late -4
payment  lea 2024-02-19 energy b5 power 60.00 USD due 2024-02-29 paid 2024-02-28   # before it was due
> points lea plain base 600 late -4
payment  lea 2024-02-20 energy b6 power 60.00 USD due 2024-02-29 paid 2025-03-01   # 366 days; one counts 100 at most
> points lea plain base 600 late -104
payment  lea 2024-02-21 energy b7 power 60.00 USD due 2024-02-29 missed            # not paid is not late
> points lea plain base 600 late -104
> score  lea plain 496 plus
> ledger lea 7
# A period that holds February 29 has 30 days as any other: from 02-01 to 03-02.
> turns  lea 2024-03-02
tick     2024-03-01T23:59
> score  lea plain 496 plus
tick     2024-03-02T00:05
> score  lea plain 496 basic
> turns  lea 2024-04-01
