"""`farthing vault`, against the real functions in this process and moto's KMS and tables."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from rich.console import Console
from typer.testing import CliRunner, Result

from farthing import runtime
from farthing.clock import to_text
from farthing.store import EXISTS, Key, Update
from farthing.vault import register, rotation
from farthing.vault.open import CardUnreadable, forget_cvc
from farthing.vault.rotation import SWITCH_SECONDS
from farthing_cli import keeper, place, vault_words
from farthing_cli.app import app
from farthing_cli.failure import Failure
from farthing_cli.keeper import Keeper
from farthing_cli.pace import Pace
from farthing_cli.place import Place
from tests.support.lambdas import Context, load
from tests.support.stack import Stack
from tests.support.vault import NUMBER, key_of, merchant, new_token, opened, row_of

PART = "01m817tr88cas1byw96gkvdt72"
MERCHANT, OTHER = f"mer_{PART}", f"mer_{PART[:-1]}3"
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [], "Id": "of the template"})
USAGE = "ENCRYPT_DECRYPT"


class Functions:
    """Lambda: the real functions; `charge` is the test stack's. `fail` may break an invoke."""

    def __init__(self, charge: Any) -> None:
        self.events: list[dict[str, Any]] = []
        self.fail: Callable[[dict[str, Any]], None] = lambda event: None
        self.updating = False
        self._charge = charge

    def invoke(self, *, FunctionName: str, Payload: bytes, **more: Any) -> dict[str, Any]:
        if FunctionName == "charge":
            answer: dict[str, Any] = self._charge.invoke(
                FunctionName=FunctionName, Payload=Payload, **more
            )
            return answer
        assert FunctionName == "farthing-test-vault_keeper"
        event = json.loads(Payload)
        self.events.append(event)
        self.fail(event)
        context = Context(remaining_milliseconds=60_000)
        said = load("vault_keeper").handler(event, context)
        return {"Payload": io.BytesIO(json.dumps(said).encode())}

    def get_function_configuration(self, *, FunctionName: str) -> dict[str, Any]:
        assert FunctionName == "farthing-test-tokens"
        variables = {"VAULT_KEY_ID": runtime.setting("VAULT_KEY_ID")}
        status = "InProgress" if self.updating else "Successful"
        return {"Environment": {"Variables": variables}, "LastUpdateStatus": status}


class Formation:
    """CloudFormation: what the stack gives out."""

    def __init__(self, outputs: dict[str, str]) -> None:
        self.outputs = outputs

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:
        assert StackName == "farthing-test"
        told = [{"OutputKey": name, "OutputValue": value} for name, value in self.outputs.items()]
        return {"Stacks": [{"Outputs": told}]}


class Operator:
    """Whoever runs the commands. `ahead` is how far the functions' clock and theirs is moved."""

    def __init__(self, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
        kms = boto3.client("kms")
        self.template_key = runtime.setting("VAULT_KEY_ID")
        kms.put_key_policy(KeyId=self.template_key, PolicyName="default", Policy=POLICY)
        outputs = {
            "AccessTable": runtime.table_names()["access"],
            "VaultKeyId": self.template_key,
            "FingerprintKeyId": runtime.setting("FINGERPRINT_KEY_ID"),
        }
        self.stack, self.functions = stack, Functions(stack.charge)
        self.ahead = timedelta()
        clients = {"lambda": self.functions, "cloudformation": Formation(outputs)}
        client = lambda service: clients.get(service) or boto3.client(service)  # noqa: E731
        monkeypatch.setenv("TEST_CLOCK_TABLE", "TestClockTable")
        monkeypatch.setattr(Place, "of", lambda _: Place("farthing-test", client, self.ahead))
        monkeypatch.setattr(keeper, "PAUSE_SECONDS_MAX", 0)

    def __call__(self, *arguments: str, typed: str = "") -> Result:
        return CliRunner().invoke(app, ["vault", *arguments], input=typed)

    def said(self, *arguments: str, typed: str = "") -> str:
        """What a command that works says."""
        result = self(*arguments, typed=typed)
        assert result.exit_code == 0, (result.output, result.exception)
        return result.output

    def refused(self, *arguments: str, typed: str = "") -> str:
        """Why a command does not work. It says so in one line."""
        result = self(*arguments, typed=typed)
        assert isinstance(result.exception, Failure), (result.output, result.exception)
        assert "\n" not in str(result.exception)
        return str(result.exception)

    def advance(self, seconds: int) -> None:
        """Move everybody's clock."""
        self.stack.advance(seconds)
        self.ahead += timedelta(seconds=seconds)

    def own_key(self, merchant_id: str = MERCHANT) -> str:
        found = rotation.account_of(runtime.system_store(), merchant_id).vault_key_id
        assert found is not None
        return found

    def state_of(self, key: str) -> str:
        state: str = boto3.client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"]
        return state


@pytest.fixture
def operator(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Operator:
    """An operator of a stack with two merchants."""
    monkeypatch.setattr(vault_words, "console", Console(width=80))
    merchant(MERCHANT)
    merchant(OTHER)
    return Operator(stack, monkeypatch)


# --- another key ---------------------------------------------------------------------------------


def test_a_new_key_has_the_templates_policy_and_is_used_from_now_on(operator: Operator) -> None:
    kms = boto3.client("kms")
    said = operator.said("new-key", "--merchant", MERCHANT)
    arn = operator.own_key()
    assert arn in said and "rewrap" in said
    assert kms.get_key_policy(KeyId=arn, PolicyName="default")["Policy"] == POLICY
    assert kms.get_key_rotation_status(KeyId=arn)["KeyRotationEnabled"]
    tags = {tag["TagKey"]: tag["TagValue"] for tag in kms.list_resource_tags(KeyId=arn)["Tags"]}
    assert tags == {"farthing:stack": "farthing-test", "farthing:merchant": MERCHANT}
    assert key_of(new_token(merchant(MERCHANT))) == arn


def test_a_run_that_ended_early_is_gone_on_with(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        error = ClientError({"Error": {"Code": "X", "Message": "no such luck"}}, "X")
        patch.setattr(rotation, "give_to_merchant", lambda *_: (_ for _ in ()).throw(error))
        result = operator("new-key", "--merchant", MERCHANT)
    assert "no such luck" in str(result.exception)
    again = result.output.rstrip().rsplit("farthing vault ", 1)[-1].split()
    operator.said(*again)
    assert operator.own_key() == again[-1]


def test_a_key_of_another_policy_is_not_taken(operator: Operator) -> None:
    other = boto3.client("kms").create_key(KeyUsage=USAGE)["KeyMetadata"]["Arn"]
    why = operator.refused("new-key", "--merchant", MERCHANT, "--key", other)
    assert "policy" in why
    assert rotation.account_of(runtime.system_store(), MERCHANT).vault_key_id is None


def test_a_disabled_key_is_not_taken(operator: Operator) -> None:
    kms = boto3.client("kms")
    other = kms.create_key(Policy=POLICY, KeyUsage=USAGE)["KeyMetadata"]["KeyId"]
    kms.disable_key(KeyId=other)
    assert "Disabled" in operator.refused("new-key", "--merchant", MERCHANT, "--key", other)


def test_a_key_for_the_stack_is_registered_and_waits_for_its_deployment(
    operator: Operator,
) -> None:
    ref = new_token(merchant(MERCHANT))
    said = operator.said("new-key")
    arn = said.split("VaultKeyId=")[1].split()[0]
    keys = {key.arn: key.owner for key in register.registered(runtime.system_store())}
    assert set(keys.values()) == {"*"} and arn in keys and len(keys) == 2
    # When the stack is deployed with it, Then old cards open, new ones are under it
    deployed(arn)
    assert opened(ref) == NUMBER
    assert key_of(new_token(merchant(MERCHANT))) == arn
    assert register.key_id_of(operator.template_key) in operator.said("keys")


def deployed(arn: str) -> None:
    os.environ["VAULT_KEY_ID"] = arn
    runtime.reset()


def test_a_key_for_fingerprints_has_the_policy_of_the_one_before(operator: Operator) -> None:
    kms = boto3.client("kms")
    said = operator.said("new-key", "--fingerprint")
    arn = said.split("FingerprintKeyId=")[1].split()[0]
    found = kms.describe_key(KeyId=arn)["KeyMetadata"]
    assert (found["KeySpec"], found["KeyUsage"]) == ("HMAC_256", "GENERATE_VERIFY_MAC")
    assert list(register.registered(runtime.system_store())) == []
    assert "alone" in operator.refused("new-key", "--fingerprint", "--merchant", MERCHANT)


@pytest.mark.parametrize("who", ["mer_1", "pi_" + PART, ""])
def test_what_is_no_merchant_is_refused_before_anything_is_made(
    operator: Operator, who: str
) -> None:
    before = len(boto3.client("kms").list_keys()["Keys"])
    operator.refused("new-key", "--merchant", who)
    nobody = f"mer_{PART[:-1]}9"
    assert "no merchant" in operator.refused("new-key", "--merchant", nobody)
    assert len(boto3.client("kms").list_keys()["Keys"]) == before


# --- jobs ----------------------------------------------------------------------------------------


def test_a_rewrap_is_dry_until_it_is_told_to_apply(operator: Operator) -> None:
    refs = [new_token(merchant(MERCHANT)) for _ in range(3)]
    operator.said("new-key", "--merchant", MERCHANT)
    said = operator.said("rewrap")
    assert "3 WOULD_REWRAP" in said and "Nothing was changed" in said
    assert operator.own_key() not in {key_of(ref) for ref in refs}
    assert "3 REWRAPPED" in operator.said("rewrap", "--apply", "--merchant", MERCHANT)
    assert {key_of(ref) for ref in refs} == {operator.own_key()}
    assert "3 THERE" in operator.said("rewrap", "--apply")


def test_a_reencryption_is_dry_until_it_is_told_to_apply(operator: Operator) -> None:
    ref = new_token(merchant(MERCHANT))
    operator.advance(60)
    before = row_of(ref)
    assert "1 WOULD_REENCRYPT" in operator.said("reencrypt")
    assert row_of(ref) == before
    said = operator.said("reencrypt", "--apply")
    assert "1 REENCRYPTED" in said and "--before" in said
    assert row_of(ref)["envelope"]["ciphertext"] != before["envelope"]["ciphertext"]
    assert "no time" in operator.refused("reencrypt", "--before", "yesterday")


def test_what_is_refused_is_said_and_fails(operator: Operator) -> None:
    ref = new_token(merchant(MERCHANT))
    operator.said("new-key", "--merchant", MERCHANT)
    row = row_of(ref)
    key = Key("vault", row["pk"], row["sk"])
    runtime.system_store().write(Update(key, EXISTS, set={"entity": "passport"}))
    result = operator("rewrap", "--apply")
    assert result.exit_code == 1 and "1 REFUSED" in result.output


def test_a_stretch_that_breaks_is_asked_for_again(operator: Operator) -> None:
    new_token(merchant(MERCHANT))
    operator.said("new-key", "--merchant", MERCHANT)
    broken = [ReadTimeoutError(endpoint_url="x"), throttled()]

    def fail(event: dict[str, Any]) -> None:
        if event.get("rewrap", {}).get("apply") and broken:
            raise broken.pop()

    operator.functions.fail = fail
    assert "1 REWRAPPED" in operator.said("rewrap", "--apply")
    assert broken == []


def test_one_that_does_not_get_on_ends_and_says_why(operator: Operator) -> None:
    def fail(event: dict[str, Any]) -> None:
        raise throttled()

    operator.functions.fail = fail
    why = operator.refused("rewrap")
    assert "does not get on" in why and "TooManyRequests" in why
    assert len(operator.functions.events) == keeper.TRIES_MAX


def throttled() -> ClientError:
    return ClientError({"Error": {"Code": "TooManyRequestsException", "Message": ""}}, "Invoke")


def test_what_an_operator_may_not_is_told_at_once(operator: Operator) -> None:
    def fail(event: dict[str, Any]) -> None:
        error = {"Code": "AccessDeniedException", "Message": "you may\nnot invoke"}
        raise ClientError({"Error": error}, "Invoke")

    operator.functions.fail = fail
    assert operator.refused("rewrap") == "you may not invoke"
    assert len(operator.functions.events) == 1


def test_a_pace_is_kept_over_the_whole_job() -> None:
    clock, slept = [100.0], list[float]()
    pace = Pace(10, lambda: clock[0], slept.append)
    assert (pace.rows(200), Pace(None).rows(200)) == (20, 200)
    pace.wait(20)  # at once
    clock[0] += 3.0
    pace.wait(40)  # two seconds' worth in three seconds: one early
    pace.wait(20)
    assert slept == [2.0, 1.0]
    Pace(None, lambda: clock[0], slept.append).wait(10_000)
    assert len(slept) == 2


def test_the_stretches_are_as_small_as_the_pace_wants(operator: Operator) -> None:
    new_token(merchant(MERCHANT))
    operator.said("new-key", "--merchant", MERCHANT)
    operator.said("rewrap", "--apply", "--pace", "500")
    operator.said("rewrap", "--apply", "--pace", "4")
    rows = [event["rewrap"].get("rows") for event in operator.functions.events]
    assert rows == [None, 200, None, 8]


# --- the end of a key ----------------------------------------------------------------------------


def two_keys(operator: Operator) -> tuple[str, str]:
    """A merchant that has another key now than it had."""
    operator.said("new-key", "--merchant", MERCHANT)
    first = operator.own_key()
    new_token(merchant(MERCHANT), cvc=None)
    operator.said("new-key", "--merchant", MERCHANT)
    return first, operator.own_key()


def test_a_key_is_retired_in_this_order_alone(operator: Operator) -> None:
    first, second = two_keys(operator)
    assert MERCHANT in operator.refused("retire-key", second)
    assert "Try again at" in operator.refused("retire-key", first)
    operator.advance(SWITCH_SECONDS)
    assert "1 rows are under it" in operator.refused("retire-key", first, "--apply", "--yes")
    operator.said("rewrap", "--apply")
    # Until it is told to, and somebody says yes, it stays
    assert "Nothing was changed" in operator.said("retire-key", first)
    assert operator("retire-key", first, "--apply", typed="n\n").exit_code == 1
    assert operator.state_of(first) == "Enabled"
    said = operator.said("retire-key", first, "--apply", "--days", "7", typed="y\n")
    assert "cancel-key-deletion" in said
    assert operator.state_of(first) == "PendingDeletion"
    assert operator.state_of(second) == "Enabled"
    assert "to be deleted at" in operator.said("keys")


def test_a_cvc_keeps_its_key(operator: Operator) -> None:
    operator.said("new-key", "--merchant", MERCHANT)
    first, ref = operator.own_key(), new_token(merchant(MERCHANT))
    operator.said("new-key", "--merchant", MERCHANT)
    operator.advance(SWITCH_SECONDS)
    operator.said("rewrap", "--apply")
    assert "cvc" in operator.refused("retire-key", first, "--apply", "--yes")
    forget_cvc(runtime.system_store(), ref)
    operator.said("retire-key", first, "--apply", "--yes")


def test_a_retirement_that_ended_in_the_middle_is_gone_on_with(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = two_keys(operator)
    operator.advance(SWITCH_SECONDS)
    operator.said("rewrap", "--apply")
    with monkeypatch.context() as patch:
        error = ClientError({"Error": {"Code": "X", "Message": "the line broke"}}, "X")
        patch.setattr(rotation, "note_deletion", lambda *_: (_ for _ in ()).throw(error))
        operator.refused("retire-key", first, "--apply", "--yes")
    assert operator.state_of(first) == "PendingDeletion"
    operator.said("retire-key", first, "--apply", "--yes")
    key = register.VaultKey.from_item(runtime.system_store().get(register.key_row(first)) or {})
    assert key.retired_at and key.gone_at


def test_the_templates_own_key_stays(operator: Operator) -> None:
    said = operator.said("new-key")
    deployed(said.split("VaultKeyId=")[1].split()[0])
    assert "Try again" in operator.refused("retire-key", operator.template_key)
    operator.advance(SWITCH_SECONDS)
    assert "template" in operator.refused("retire-key", operator.template_key, "--apply", "--yes")
    assert operator.state_of(operator.template_key) == "Enabled"


def test_a_stack_that_is_being_deployed_is_waited_for(operator: Operator) -> None:
    first, _ = two_keys(operator)
    operator.functions.updating = True
    assert "being deployed" in operator.refused("retire-key", first)


@pytest.mark.parametrize("days", ["6", "31"])
def test_a_time_that_kms_does_not_take_is_refused(operator: Operator, days: str) -> None:
    first, _ = two_keys(operator)
    assert "7 to 30" in operator.refused("retire-key", first, "--days", days)


# --- a merchant leaves ---------------------------------------------------------------------------


def test_a_merchant_leaves_and_its_cards_are_shredded(operator: Operator) -> None:
    # Given a merchant with a card under the stack's key, and another merchant
    mine, theirs = new_token(merchant(MERCHANT), cvc=None), new_token(merchant(OTHER))
    assert "no key of its own" in operator.refused("offboard", "--merchant", MERCHANT)
    operator.said("new-key", "--merchant", MERCHANT)
    # When it is asked what would be done, Then nothing is
    assert "would be closed" in operator.said("offboard", "--merchant", MERCHANT)
    assert rotation.account_of(runtime.system_store(), MERCHANT).closed_at is None
    # When its account is closed, Then the rest waits
    asked = ("offboard", "--merchant", MERCHANT, "--apply")
    assert operator(*asked, typed="n\n").exit_code == 1
    assert rotation.account_of(runtime.system_store(), MERCHANT).closed_at is None
    assert "Try again at" in operator.refused(*asked, typed="y\n")
    operator.advance(SWITCH_SECONDS)
    # Until all its cards are under its own key
    assert "not under its own key" in operator.refused(*asked, "--yes")
    operator.said("rewrap", "--apply")
    said = operator.said("offboard", "--merchant", MERCHANT)
    assert "1 cards" in said and "Backups may hold" in said and "Nothing was changed" in said
    # And who says which merchant it is means it
    assert "another merchant" in operator.refused(*asked, typed=f"{OTHER}\n")
    assert operator.state_of(operator.own_key()) == "Enabled"
    operator.said(*asked, typed=f"{MERCHANT}\n")
    assert operator.state_of(operator.own_key()) == "PendingDeletion"
    assert operator.state_of(operator.template_key) == "Enabled"
    assert opened(theirs) == NUMBER
    assert "to be deleted already" in operator.said(*asked)
    # moto opens with a key that is to be deleted; AWS does not, nor the simulator's KMS
    boto3.client("kms").cancel_key_deletion(KeyId=register.key_id_of(operator.own_key()))
    assert opened(mine) == NUMBER


def test_a_merchant_stays_while_something_is_in_flight(operator: Operator) -> None:
    operator.said("new-key", "--merchant", MERCHANT)
    new = {"amount_cents": 5, "currency": "eur", "confirm": True, "capture_method": "MANUAL"}
    token = new_token(merchant(MERCHANT)).token
    path = operator.stack.post("payment_intents", new | {"token": token}, merchant_id=MERCHANT)
    intent_id = path.body["intent_id"]
    asked = ("offboard", "--merchant", MERCHANT, "--apply", "--yes")
    operator.refused(*asked)
    operator.advance(SWITCH_SECONDS)
    why = operator.refused(*asked)
    assert intent_id in why and "REQUIRES_CAPTURE" in why
    operator.stack.post(f"payment_intents/{intent_id}/cancel", {}, merchant_id=MERCHANT)
    operator.said("rewrap", "--apply")
    operator.said(*asked)


def test_a_merchant_with_another_merchants_cards_under_its_key_stays(operator: Operator) -> None:
    operator.said("new-key", "--merchant", MERCHANT)
    ref = new_token(merchant(OTHER), cvc=None)
    row = row_of(ref)
    wrong = row["envelope"] | {"wrapped_by": operator.own_key()}
    key = Key("vault", row["pk"], row["sk"])
    runtime.system_store().write(Update(key, EXISTS, set={"envelope": wrong}))
    with pytest.raises(CardUnreadable):
        opened(ref)
    operator.refused("offboard", "--merchant", MERCHANT, "--apply", "--yes")
    operator.advance(SWITCH_SECONDS)
    why = operator.refused("offboard", "--merchant", MERCHANT, "--apply", "--yes")
    assert "of other merchants" in why


# --- keys ----------------------------------------------------------------------------------------


def test_the_table_says_what_is_under_each_key(operator: Operator) -> None:
    new_token(merchant(OTHER))
    first, second = two_keys(operator)
    new_token(merchant(MERCHANT))
    said = operator.said("keys")
    lines = {line.split("│")[1].strip(): line for line in said.splitlines() if "│" in line}
    short = register.key_id_of
    assert lines[short(operator.template_key)].split("│")[2].strip() == "the stack"
    for key, state, cards, cvcs in ((first, "replaced at", 1, 0), (second, "in use", 1, 1)):
        cells = [cell.strip() for cell in lines[short(key)].split("│")]
        assert cells[2] == cells[4] == MERCHANT and state in cells[3]
        assert cells[6:8] == [str(cards), str(cvcs)]


def test_a_key_in_no_register_is_shown_as_what_it_is(operator: Operator) -> None:
    ref = new_token(merchant(MERCHANT))
    row = row_of(ref)
    strange = row["envelope"] | {"wrapped_by": "arn:aws:kms:x:1:key/strange"}
    key = Key("vault", row["pk"], row["sk"])
    runtime.system_store().write(Update(key, EXISTS, set={"envelope": strange}))
    assert "in no register" in operator.said("keys")


def test_the_counts_of_many_stretches_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def row(rows: int, latest: str) -> dict[str, Any]:
        return {
            "merchant_id": "mer_1", "mode": "test", "key_id": "k", "kind": "card",
            "rows": rows, "latest": latest,
        }  # fmt: skip

    told = [
        {"rows": 5, "held": [row(2, "b")], "behind": {"pk": "1"}, "done": False},
        {"rows": 5, "held": [row(3, "a")], "behind": {"pk": "2"}, "done": True},
    ]

    class Two:
        def invoke(self, **_: Any) -> dict[str, Any]:
            return {"Payload": io.BytesIO(json.dumps(told.pop(0)).encode())}

    (one,) = Keeper(Two(), "keeper").holdings()
    assert (one.rows, one.latest) == (5, "b")


def test_a_stack_without_these_outputs_is_told_so(operator: Operator) -> None:
    here = Place("farthing-test", lambda service: Formation({}))
    with pytest.raises(Failure, match="deploy"):
        here.output("AccessTable")
    assert to_text(here.now())[:4] >= "2026"
    assert place.one_line("a\n b") == "a b"
