"""Package data: the pinned Go modules from which the local control plane is built, and what the tests are held against."""
