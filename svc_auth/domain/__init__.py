"""The rules of organizations, people and sessions: values and pure functions."""
