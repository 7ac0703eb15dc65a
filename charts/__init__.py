"""The Helm chart, and the generator of its files that are made of something else."""
