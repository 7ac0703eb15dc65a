"""Package data: the manifests of the tour."""
