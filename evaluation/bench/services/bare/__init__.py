"""The chassis' rpc entrypoint over one document, without token, limit or outbox."""
