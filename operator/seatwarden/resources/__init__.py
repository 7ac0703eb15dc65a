"""The custom resources: what a person may declare, what the operator says about it, and the CRDs made from
both."""
