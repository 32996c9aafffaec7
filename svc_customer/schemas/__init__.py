"""What svc_customer takes and gives: the published contract."""
