"""The processes: commands, settings, election, metrics, logging, health."""
