"""Package data: the custom resource definitions, generated from `seatwarden.resources`."""
