"""The gateway's HTTP API as OpenAPI, generated from the types that it is served with."""
