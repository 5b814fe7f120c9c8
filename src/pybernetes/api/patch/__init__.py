"""The three patches of the API: JSON patch, JSON merge patch and strategic merge patch.

    patched = apply_patch("application/merge-patch+json", live, body, schema)

`apply_patch` never changes the object it is given and shares nothing with it, so the result may be changed in place.
Broken patches raise StatusError: 400 when the text is no patch, 422 when it does not fit the object, 415 for a content
type (or a kind) that cannot be patched this way. Checking the result against the schema is the caller's next step.
"""

from .apply import JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH, apply_patch

__all__ = ["JSON_PATCH", "MERGE_PATCH", "STRATEGIC_MERGE_PATCH", "apply_patch"]
