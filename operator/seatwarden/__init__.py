"""Seatwarden: floating software licences as Kubernetes resources."""
