"""The rules of customer records: values and pure functions."""
