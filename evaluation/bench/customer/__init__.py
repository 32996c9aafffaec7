"""``./crm bench customer``: records, timelines and segments in large numbers.

A whole stack of its own, with as many made-up contacts as wanted and five times
as many entries of their timelines; gone afterwards.
"""
