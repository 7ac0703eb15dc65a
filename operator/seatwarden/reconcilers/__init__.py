"""Reconcilers: read what is wanted and what is there, decide by `seatwarden.domain`, act, report in status."""
