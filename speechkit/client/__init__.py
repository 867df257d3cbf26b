"""Speaks to Azure Speech and Blob storage, or to the local service: it cannot tell them apart."""
