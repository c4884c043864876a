"""The description of this program's HTTP, as OpenAPI: written from the types with which it is served."""
