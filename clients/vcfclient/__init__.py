"""A client of the service's REST API, from the command line and from Python."""

from vcfclient.client import Client, ClientError, RunEndedError, ServiceError

__all__ = ["Client", "ClientError", "RunEndedError", "ServiceError"]
