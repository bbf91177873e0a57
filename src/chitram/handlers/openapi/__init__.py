"""The description of the API (OpenAPI 3.1): plain data, a module a group of addresses, held true by the tests.

A route that is new in ``handlers/routes.py`` needs an entry in the module of its group, under its method and path as
they stand there, and its answers' fields in the ``…_schemas.py`` beside it. Errors are said by their codes
alone; status and headers follow. Nothing here is read while requests are served.
"""
