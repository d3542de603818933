"""The vault's keys in KMS, as who administers them: made, and asked to be deleted. Never used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from farthing.vault.register import STACK, key_id_of
from farthing_cli.failure import Failure
from farthing_cli.place import Place

POLICY = "default"
STACK_TAG, MERCHANT_TAG = "farthing:stack", "farthing:merchant"
SYMMETRIC: Mapping[str, str] = {"KeySpec": "SYMMETRIC_DEFAULT", "KeyUsage": "ENCRYPT_DECRYPT"}
HMAC: Mapping[str, str] = {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}
_DELETED = frozenset({"PendingDeletion", "PendingReplicaDeletion"})


@dataclass(frozen=True)
class KeyAdmin:
    """Keys of one stack. A new one gets a copy of the policy of the template's own: who may use it,
    and that administrators may not, is said in template.yaml and nowhere else."""

    client: Any
    stack_name: str
    template_key: str
    template_fingerprint_key: str

    @classmethod
    def of(cls, place: Place) -> KeyAdmin:
        """Those of a stack."""
        names = (place.output("VaultKeyId"), place.output("FingerprintKeyId"))
        return cls(place.client("kms"), place.stack_name, *names)

    def make(self, owner: str) -> str:
        """A new key for card numbers, of a merchant or of the stack. Its ARN."""
        whose = "card numbers" if owner == STACK else f"card numbers of {owner}"
        description = f"{self.stack_name}: {whose}"
        arn = self._create(self.policy(), description, self._tags(owner), **SYMMETRIC)
        self.client.enable_key_rotation(KeyId=arn)
        return arn

    def make_for_fingerprints(self) -> str:
        """A new key for fingerprints. Its ARN. KMS does not rotate such keys."""
        policy = self._policy_of(self.template_fingerprint_key)
        description = f"{self.stack_name}: card fingerprints"
        return self._create(policy, description, self._tags(STACK), **HMAC)

    def adopt(self, name: str) -> str:
        """A key that was made before, by a run that ended in the middle or by other tools. Its ARN.

        Raises Failure unless it can be used, and is used by those alone who may use the template's.
        """
        found = self.client.describe_key(KeyId=name)["KeyMetadata"]
        if found["KeyState"] != "Enabled" or found["KeyUsage"] != "ENCRYPT_DECRYPT":
            raise Failure(f"{name} is {found['KeyState']}, for {found['KeyUsage']}.")
        if self._policy_of(name) != self.policy():
            raise Failure(f"The policy of {name} is not that of {self.template_key}.")
        return str(found["Arn"])

    def policy(self) -> str:
        """The policy of the template's own key."""
        return self._policy_of(self.template_key)

    def schedule_deletion(self, arn: str, days: int) -> datetime:
        """Have a key deleted in so many days, unless that was asked before. When it is gone."""
        key_id = key_id_of(arn)
        found = self.client.describe_key(KeyId=key_id)["KeyMetadata"]
        if found["KeyState"] in _DELETED:
            at = found["DeletionDate"]
        else:
            answer = self.client.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=days)
            at = answer["DeletionDate"]
        instant: datetime = at
        return instant.astimezone(UTC)

    def _create(
        self, policy: str, description: str, tags: list[dict[str, str]], **more: str
    ) -> str:
        made = self.client.create_key(Policy=policy, Description=description, Tags=tags, **more)
        return str(made["KeyMetadata"]["Arn"])

    def _policy_of(self, name: str) -> str:
        return str(self.client.get_key_policy(KeyId=name, PolicyName=POLICY)["Policy"])

    def _tags(self, owner: str) -> list[dict[str, str]]:
        tags = {STACK_TAG: self.stack_name}
        if owner != STACK:
            tags[MERCHANT_TAG] = owner
        return [{"TagKey": name, "TagValue": value} for name, value in tags.items()]
