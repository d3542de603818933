"""Secrets Manager in memory."""

from __future__ import annotations

from typing import Any

from tests.simulation.aws.errors import Exceptions, answer, client_error

ARN = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:"


class Secrets:
    """Secrets by name; the ARN is taken as well."""

    exceptions = Exceptions("InternalServiceError", "ResourceNotFoundException")

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def create_secret(self, name: str, text: str) -> str:
        """A new secret, or a new text of one. Its ARN."""
        self._texts[name] = text
        return ARN + name

    def get_secret_value(self, *, SecretId: str) -> dict[str, Any]:
        """The present text."""
        name = SecretId.removeprefix(ARN)
        if name not in self._texts:
            raise client_error(
                "GetSecretValue",
                "ResourceNotFoundException",
                "Secrets Manager can't find the specified secret.",
            )
        return answer(
            ARN=ARN + name,
            Name=name,
            SecretString=self._texts[name],
            VersionId="00000000-0000-4000-8000-000000000001",
            VersionStages=["AWSCURRENT"],
        )
