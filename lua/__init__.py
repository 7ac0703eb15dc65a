"""Package data: the Lua scripts of the seat authority and the Argo CD health checks."""
