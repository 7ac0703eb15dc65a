"""The outside world, one interface per neighbour: the seat authority, Kubernetes, keys. Nothing here decides anything."""
