"""A write as every service of Rapport does it: the record with its event."""
