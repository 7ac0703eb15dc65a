"""What calls us: receivers of webhooks."""
