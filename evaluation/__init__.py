"""Measurements and fault tests of a running Rapport: ``./crm bench``, ``./crm chaos``."""
