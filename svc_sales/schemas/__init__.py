"""What svc_sales takes and gives: the published contract."""
