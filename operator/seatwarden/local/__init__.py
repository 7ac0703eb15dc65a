"""A Kubernetes control plane and a Valkey server on loopback, for `seatwarden dev` and for the tests."""
