"""`farthing vault`: the keys of card numbers, and the jobs that go over all cards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from farthing.access.account import Account
from farthing.clock import to_text
from farthing.vault import offboard, register, rotation
from farthing.vault.register import STACK, VaultKey, key_id_of, same_key
from farthing.vault.rotation import Holding
from farthing_cli import vault_jobs
from farthing_cli.failure import Failure
from farthing_cli.keeper import Keeper
from farthing_cli.place import Place, in_words
from farthing_cli.vault_jobs import counted, seeing
from farthing_cli.vault_kms import KeyAdmin
from farthing_cli.vault_table import keys_table
from farthing_cli.vault_words import (
    ASKS_AGAIN,
    Apply,
    Merchant,
    Stack,
    Yes,
    check_merchant,
    say,
    show,
)

app = typer.Typer(no_args_is_help=True, help="Card numbers: under which keys they are.")
app.command()(vault_jobs.rewrap)
app.command()(vault_jobs.reencrypt)
Days = Annotated[int, typer.Option(help="how long KMS waits before it deletes the key: 7 to 30")]


@app.command()
def keys(stack: Stack = None) -> None:
    """List the keys, and how many cards and CVCs each merchant has under each."""
    with in_words():
        place = Place.of(stack)
        access, stack_key = place.access(), place.setting_of("tokens", "VAULT_KEY_ID")
        known = {key_id_of(key.arn): key for key in register.registered(access)}
        holdings = counted(Keeper.of(place))
        accounts = rotation.accounts(access)
    show(keys_table(stack_key, known, accounts, holdings))


@app.command()
def new_key(
    merchant: Merchant = None,
    fingerprint: Annotated[
        bool, typer.Option("--fingerprint", help="a key for fingerprints, not for numbers")
    ] = False,
    key: Annotated[
        str | None,
        typer.Option(help="one that was made already, such as by a run that ended early"),
    ] = None,
    stack: Stack = None,
) -> None:
    """Make a key: for a merchant, which uses it from now on, or for the whole stack."""
    if fingerprint and (merchant or key):
        raise Failure("--fingerprint stands alone: all merchants share that key.")
    check_merchant(merchant)
    with in_words():
        place = Place.of(stack)
        admin, access = KeyAdmin.of(place), place.access()
        if fingerprint:
            arn = admin.make_for_fingerprints()
            say(f"{arn} for fingerprints. Nothing uses it before you deploy with:")
            say(f"FingerprintKeyId={arn} FingerprintVersion=… (see docs/vault.md)")
            return
        if merchant is not None:
            rotation.account_of(access, merchant)
        owner = merchant or STACK
        arn = admin.adopt(key) if key else admin.make(owner)
        say(f"{arn} is made, and its policy is that of {admin.template_key}.")
        try:
            _give(place, arn, owner)
        except Exception:
            again = f" --merchant {merchant}" if merchant else ""
            say(f"It is not registered. Go on with: farthing vault new-key{again} --key {arn}")
            raise


@app.command()
def retire_key(
    key: Annotated[str, typer.Argument(help="its id or ARN, as `farthing vault keys` shows it")],
    days: Days = rotation.WAITING_DAYS_MAX,
    apply: Apply = False,
    yes: Yes = False,
    stack: Stack = None,
) -> None:
    """Have a key deleted that was replaced and holds nothing any more."""
    with in_words():
        rotation.require_waiting_days(days)
        place = Place.of(stack)
        admin, access = KeyAdmin.of(place), place.access()
        stack_key = place.setting_of("tokens", "VAULT_KEY_ID")
        old = rotation.out_of_use(access, key, stack_key, place.now())
        if same_key(old.arn, admin.template_key):
            raise Failure(
                "It is the template's own key: the stack's next deployment would miss it. Leave "
                "it, or disable it: aws kms disable-key"
            )
        holdings = counted(Keeper.of(place))
        rotation.require_empty(old, holdings)
        say(f"Nothing is under {old.arn}. Another key is used since {old.replaced_at}.")
        say("A backup of the vault from before its cards were rewrapped opens with it alone.")
        if not apply:
            say(ASKS_AGAIN)
            return
        if not yes:
            typer.confirm(f"Have it deleted in {days} days?", abort=True)
        rotation.retire(access, old, place.now())
        _delete(admin, place, [old], days)


@app.command(name="offboard")
def leave(
    merchant: Annotated[str, typer.Option(help="who leaves: mer_…")],
    days: Days = rotation.WAITING_DAYS_MAX,
    apply: Apply = False,
    yes: Yes = False,
    stack: Stack = None,
) -> None:
    """Close a merchant's account; when nothing of it is in flight, have its own key deleted.

    To be called twice: the second time a quarter of an hour later.
    """
    check_merchant(merchant)
    with in_words():
        rotation.require_waiting_days(days)
        place = Place.of(stack)
        access = place.access()
        keys = offboard.own_keys(access, merchant)
        if not keys:
            say("Its keys are to be deleted already, as `farthing vault keys` shows.")
            return
        account = rotation.account_of(access, merchant)
        if account.closed_at is None and not apply:
            say(f"{account.name} ({merchant}) would be closed: none of its API keys would work.")
            say(ASKS_AGAIN)
            return
        if account.closed_at is None and not yes:
            question = f"Close the account of {account.name}? None of its API keys works then"
            typer.confirm(question, abort=True)
        account = offboard.close(access, merchant, place.now())
        say(f"{account.name} is closed since {account.closed_at}.")
        keeper = Keeper.of(place)
        rotation.require_switched(account.closed_at, "the account is closed", place.now())
        with seeing("payments") as seen:
            in_flight = keeper.in_flight(merchant, seen)
        offboard.require_quiet(account, in_flight, place.now())
        holdings = counted(keeper)
        offboard.require_own(merchant, keys, holdings)
        _say_what_goes(merchant, account, keys, holdings, days)
        if not apply:
            say(ASKS_AGAIN)
            return
        if not yes and typer.prompt("Type the merchant's id to go on").strip() != merchant:
            raise Failure("That is another merchant. Nothing was changed.")
        offboard.retire_own(access, keys, place.now())
        _delete(KeyAdmin.of(place), place, keys, days)


# --- keys ----------------------------------------------------------------------------------------


def _give(place: Place, arn: str, owner: str) -> None:
    access = place.access()
    if owner != STACK:
        rotation.give_to_merchant(access, owner, arn, place.now())
        say(f"{owner} uses it: within a minute nothing new is sealed under another key.")
        say(f"Then: farthing vault rewrap --merchant {owner} --apply")
        return
    present = place.setting_of("tokens", "VAULT_KEY_ID")
    rotation.give_to_stack(access, arn, _arn(place, present), place.now())
    say("It is registered. Nothing uses it before you deploy with:")
    say(f"VaultKeyId={arn}")


def _arn(place: Place, name: str) -> str:
    found = place.client("kms").describe_key(KeyId=name)["KeyMetadata"]
    return str(found["Arn"])


def _delete(admin: KeyAdmin, place: Place, keys: Sequence[VaultKey], days: int) -> None:
    for key in keys:
        gone_at = admin.schedule_deletion(key.arn, days)
        rotation.note_deletion(place.access(), key, gone_at)
        say(f"{key.arn} cannot be used any more, and is deleted at {to_text(gone_at)}.")
    say("Until then: aws kms cancel-key-deletion, and aws kms enable-key, take it back.")


def _say_what_goes(
    merchant: str,
    account: Account,
    keys: Sequence[VaultKey],
    holdings: Sequence[Holding],
    days: int,
) -> None:
    rows = sum(one.rows for one in holdings if one.merchant_id == merchant)
    names = ", ".join(key_id_of(key.arn) for key in keys)
    say(f"{rows} cards of {account.name} are under its own key ({names}), and nobody else's.")
    say(f"When the key goes, none of them can be read any more: at once, and in {days} days for")
    say("ever, in every backup that has them under it.")
    if until := offboard.in_backups_until(merchant, account, holdings):
        say(f"Backups may hold cards of it under another key until {until}.")
