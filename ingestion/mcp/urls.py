"""The address of MCP."""

from django.urls import path

from ingestion.mcp.relay import mcp

urlpatterns = [path("mcp", mcp, name="mcp")]
