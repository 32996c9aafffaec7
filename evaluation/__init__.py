"""Measurements and fault tests: ``./crm bench``, ``./crm chaos``."""
