"""What is measured: one small service each way, and nothing in them but the bus."""
