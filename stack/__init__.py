"""The local stack behind ``./crm``: set up, run, watch, test."""

import warnings

# Said once, in ADR 0001; an operator can do nothing about it.
warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
