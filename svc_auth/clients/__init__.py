"""What svc_auth uses besides its database: hashing and signing."""
