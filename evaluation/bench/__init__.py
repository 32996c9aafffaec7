"""``./crm bench bus``: the bus beside stock Nameko and a plain Flask process.

Everything runs on a private broker and database and is gone afterwards.
"""
