"""What svc_auth takes and gives: the published contract."""
