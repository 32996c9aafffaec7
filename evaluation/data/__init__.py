"""A made-up world of customers in any size, the same for the same seed."""
