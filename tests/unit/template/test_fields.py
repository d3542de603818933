"""The card frame's function: what it may touch, and that its origin is that of the tokens alone."""

from __future__ import annotations

from typing import Any

from tests.support.template import resources, template

FUNCTION = resources("AWS::Serverless::Function")["FieldsFunction"]["Properties"]
HOST = "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}"


def test_it_reads_merchants_and_keys_and_nothing_else() -> None:
    role = resources("AWS::IAM::Role")["FieldsRole"]["Properties"]["Policies"][0]
    granted = {
        statement["Resource"]["Fn::GetAtt"][0]: set(statement["Action"])
        for statement in role["PolicyDocument"]["Statement"]
    }
    assert granted == {
        "FieldsLogs": {"logs:CreateLogStream", "logs:PutLogEvents"},
        "AccessTable": {"dynamodb:GetItem"},
    }


def test_it_stands_on_the_origin_of_the_tokens() -> None:
    functions = resources("AWS::Serverless::Function").values()
    on_tokens = {
        event["Properties"]["Path"]
        for function in functions
        for event in function["Properties"].get("Events", {}).values()
        if event["Type"] == "Api" and event["Properties"]["RestApiId"] == {"Ref": "TokensApi"}
    }
    assert on_tokens == {"/v1/tokens", "/fields/v1/frame", "/fields/v1/{file}"}


def test_its_files_are_compressed_on_the_way() -> None:
    api = template()["Resources"]["TokensApi"]["Properties"]
    assert api["MinimumCompressionSize"] == 1024


def checkout_origin(parameters: dict[str, str]) -> Any:
    """What the function is told, with these parameters."""
    condition, told, otherwise = FUNCTION["Environment"]["Variables"]["CHECKOUT_ORIGIN"]["Fn::If"]
    assert template()["Conditions"][condition] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": "CheckoutOrigin"}, ""]}]
    }
    assert told == {"Ref": "CheckoutOrigin"}
    return parameters["CheckoutOrigin"] or otherwise["Fn::Sub"]


def test_our_own_checkout_page_is_on_the_api_unless_somebody_says_where() -> None:
    default = template()["Parameters"]["CheckoutOrigin"]["Default"]
    assert checkout_origin({"CheckoutOrigin": default}) == HOST
    assert checkout_origin({"CheckoutOrigin": "https://pay.example"}) == "https://pay.example"
