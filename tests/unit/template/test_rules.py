"""Which parameters a stack may have together: what CloudFormation refuses beforehand."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.template import template

PROD = {
    "Environment": "prod",
    "WithSandbox": "false",
    "AcquirerUrl": "https://acquirer.example",
    "AlarmTopicArn": "arn:aws:sns:eu-west-1:123456789012:alarms",
}
LOCAL = {"WebhooksAllowLoopback": "true", "AwsEndpointUrl": "http://127.0.0.1:4566"}


def value(expression: Any, parameters: dict[str, str]) -> Any:
    """An expression as CloudFormation reads it in a rule."""
    if not isinstance(expression, dict):
        return expression
    [(function, argument)] = expression.items()
    if function == "Ref":
        return parameters[argument]
    values = [value(one, parameters) for one in argument]
    match function:
        case "Fn::Equals":
            return values[0] == values[1]
        case "Fn::Not":
            return not values[0]
        case "Fn::And":
            return all(values)
        case "Fn::Or":
            return any(values)
    raise NotImplementedError(function)


def refused(**chosen: str) -> set[str]:
    """What CloudFormation says to a stack with these parameters."""
    parameters = {name: str(p.get("Default")) for name, p in template()["Parameters"].items()}
    parameters |= chosen
    return {
        assertion["AssertDescription"]
        for rule in template()["Rules"].values()
        if value(rule["RuleCondition"], parameters)
        for assertion in rule["Assertions"]
        if not value(assertion["Assert"], parameters)
    }


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"Environment": "staging"},
        {"WithSandbox": "false", "AcquirerUrl": "https://acquirer.example"},
        LOCAL,
        LOCAL | {"StripeUrl": "http://127.0.0.1:8420"},
        PROD,
    ],
)
def test_a_stack_that_makes_sense_is_made(chosen: dict[str, str]) -> None:
    assert refused(**chosen) == set()


@pytest.mark.parametrize(
    ("chosen", "why"),
    [
        ({"WithSandbox": "false"}, "needs AcquirerUrl"),
        ({"WebhooksAllowLoopback": "true"}, "outside AWS"),
        ({"Environment": "staging", "WebhooksAllowLoopback": "true"}, "outside AWS"),
        ({"StripeUrl": "http://127.0.0.1:8420"}, "Another StripeUrl"),
        (PROD | {"StripeUrl": "https://stripe.example"}, "Another StripeUrl"),
        (PROD | {"WithSandbox": "true"}, "no sandbox acquirer"),
        (PROD | {"WebhooksAllowLoopback": "true"}, "outside AWS"),
        (PROD | {"AwsEndpointUrl": "http://127.0.0.1:4566"}, "found in AWS"),
        (PROD | {"AlarmTopicArn": ""}, "hears the alarms"),
    ],
)
def test_a_stack_that_makes_none_is_refused(chosen: dict[str, str], why: str) -> None:
    (said,) = refused(**chosen)
    assert why in said


def test_production_takes_no_loopback_in_any_way() -> None:
    assert refused(**(PROD | LOCAL))


def test_the_local_stack_is_one_that_cloudformation_would_make() -> None:
    from farthing_cli.deploy import parameters

    pages = ["http://127.0.0.1:8080", "http://localhost:8080"]
    chosen = parameters("http://127.0.0.1:8082", "http://127.0.0.1:4566", pages)
    assert chosen["WebhooksAllowLoopback"] == "true"
    assert refused(**chosen) == set()
