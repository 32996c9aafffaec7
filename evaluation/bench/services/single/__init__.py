"""Handlers that take one event at a time, each idempotent in its own way."""
