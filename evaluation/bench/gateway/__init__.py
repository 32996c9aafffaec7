"""``./crm bench gateway``: the front door with everything on, and long lists.

A whole stack of its own, with as many made-up customers as wanted; gone
afterwards.
"""
