"""The local stack behind ``./crm``: set up, run, watch, test."""
