"""Long work of svc_customer, done step by step in its events role."""
