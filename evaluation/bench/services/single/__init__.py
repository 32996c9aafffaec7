"""A handler that takes one event at a time and marks it in its inbox."""
