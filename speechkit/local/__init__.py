"""The local service: a stand-in for Azure Speech on one machine, an extra of its own (`speechkit[local]`)."""
