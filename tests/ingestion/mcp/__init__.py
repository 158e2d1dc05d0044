"""Programs that speak the Model Context Protocol."""
