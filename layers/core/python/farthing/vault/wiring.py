"""What `tokens` needs, filled with AWS: it may encrypt and fingerprint, and cannot decrypt."""

from __future__ import annotations

from farthing import runtime
from farthing.access.principal import Principal
from farthing.vault import kms
from farthing.vault.fingerprint import VERSION
from farthing.vault.tokenise import TOKENS_PER_MINUTE_DEFAULT, TokenPorts


def token_ports(principal: Principal) -> TokenPorts:
    """One merchant's view of the world, for one card."""
    return TokenPorts(
        store=runtime.tenant_store(principal),
        data_keys=kms.data_keys(principal.settings.vault_key_id),
        fingerprints=kms.fingerprints(),
        entropy=runtime.entropy,
        new_id=runtime.new_id,
        tokens_per_minute=int(runtime.setting("TOKENS_PER_MINUTE", str(TOKENS_PER_MINUTE_DEFAULT))),
        fingerprint_version=runtime.setting("FINGERPRINT_VERSION", VERSION),
        fingerprints_before=kms.fingerprints_before(),
    )
