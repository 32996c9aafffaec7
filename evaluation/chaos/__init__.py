"""``./crm chaos``: a load of keyed writes while everything below it is killed.

``plan`` says what dies when, ``faults`` does it, ``load`` writes meanwhile and
``writes`` notes what was answered; when all is quiet ``reading`` looks up what
there is and ``ledger`` compares the two.
"""
