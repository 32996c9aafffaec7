"""The rules of selling: values, states and pure functions."""
