"""S3 in memory: objects of buckets, read after write, the last writer's."""

from __future__ import annotations

import io
from typing import Any

from tests.simulation.aws.errors import Exceptions, answer, client_error


class Buckets:
    """All buckets; one is there as soon as something is put into it."""

    exceptions = Exceptions("NoSuchKey")

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str) -> dict[str, Any]:
        """Keep an object, in place of the one that was there."""
        self.objects[Bucket, Key] = bytes(Body)
        return answer(ETag=f'"{len(Body):032x}"')

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        """The object as it is now."""
        content = self.objects.get((Bucket, Key))
        if content is None:
            raise client_error("GetObject", "NoSuchKey", "The specified key does not exist.")
        return answer(Body=io.BytesIO(content), ContentLength=len(content))
