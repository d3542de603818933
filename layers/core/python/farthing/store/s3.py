"""Files in S3, encrypted with the tables' key by the bucket's own setting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from farthing.files import FILE_BYTES_MAX, FileTooLarge, NoSuchFile
from farthing.store.errors import StoreBusy

ABSENT = frozenset({"NoSuchKey", "404"})


@dataclass(frozen=True)
class S3Files:
    """One bucket. `client` has its timeouts said."""

    client: Any
    bucket: str

    def put(self, key: str, content: bytes, content_type: str) -> None:
        """Keep `content` under `key`. Raises FileTooLarge or StoreBusy."""
        if len(content) > FILE_BYTES_MAX:
            raise FileTooLarge(f"{len(content)} bytes, and at most {FILE_BYTES_MAX} are kept")
        try:
            self.client.put_object(
                Bucket=self.bucket, Key=key, Body=content, ContentType=content_type
            )
        except (BotoCoreError, ClientError) as error:
            raise StoreBusy(f"S3: {type(error).__name__}") from error

    def get(self, key: str) -> bytes:
        """What is kept under `key`. Raises NoSuchFile, FileTooLarge or StoreBusy."""
        try:
            answer = self.client.get_object(Bucket=self.bucket, Key=key)
            if answer["ContentLength"] > FILE_BYTES_MAX:
                raise FileTooLarge(key)
            return bytes(answer["Body"].read())
        except ClientError as error:
            if error.response["Error"]["Code"] in ABSENT:
                raise NoSuchFile(key) from error
            raise StoreBusy(f"S3: {type(error).__name__}") from error
        except BotoCoreError as error:
            raise StoreBusy(f"S3: {type(error).__name__}") from error
