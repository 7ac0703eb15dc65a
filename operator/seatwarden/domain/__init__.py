"""Pure decisions: no framework, no client, no clock. Time, randomness and what was observed come in as arguments."""
