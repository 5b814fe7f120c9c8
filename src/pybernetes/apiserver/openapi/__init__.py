"""The OpenAPI documents, made from the schema table when first asked for.

`definitions.py` turns types into schemas, `operations.py` turns resources into paths, `documents.py` joins them:
`/openapi/v2` (one Swagger document) and `/openapi/v3` (an index and one document per group version, with hashes).
"""

from .documents import OpenApi

__all__ = ["OpenApi"]
