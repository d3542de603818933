"""Reading the template and pointing it at packages."""

from __future__ import annotations

from pathlib import Path

from farthing_cli import quirks, template

TEXT = """
Globals:
  Api: {GatewayResponses: {THROTTLED: {StatusCode: "429"}}}
Resources:
  PayFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/pay/
      Role: !GetAtt PayRole.Arn
      Environment: {Variables: {TABLE: !Ref Table, URL: !Sub "https://${Api}.example"}}
  Core:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: layers/core/}
  PayRole:
    Type: AWS::IAM::Role
    Properties:
      Statement:
        - {Effect: Allow, Action: [sqs:SendMessage, sqs:DeleteMessage], Resource: !GetAtt Q.Arn}
        - {Effect: Allow, Action: [dynamodb:GetItem], Resource: "*"}
"""


def read(tmp_path: Path) -> template.Template:
    path = tmp_path / "template.yaml"
    path.write_text(TEXT)
    return template.load(path)


def test_short_forms_are_written_out(tmp_path: Path) -> None:
    properties = read(tmp_path)["Resources"]["PayFunction"]["Properties"]
    assert properties["Role"] == {"Fn::GetAtt": ["PayRole", "Arn"]}
    assert properties["Environment"]["Variables"] == {
        "TABLE": {"Ref": "Table"},
        "URL": {"Fn::Sub": "https://${Api}.example"},
    }


def test_functions_and_layers_are_packages(tmp_path: Path) -> None:
    source = read(tmp_path)
    assert template.packages(source) == {"PayFunction": "functions/pay/", "Core": "layers/core/"}
    assert template.functions(source) == ["PayFunction"]


def test_pointing_at_packages_changes_nothing_else(tmp_path: Path) -> None:
    # Given
    source = read(tmp_path)
    # When
    pointed = template.pointed_at(source, lambda logical_id: f"s3://packages/{logical_id}.zip")
    # Then
    assert template.packages(pointed) == {
        "PayFunction": "s3://packages/PayFunction.zip",
        "Core": "s3://packages/Core.zip",
    }
    assert template.pointed_at(pointed, template.packages(source).__getitem__) == source
    assert template.packages(source)["Core"] == "layers/core/"


def test_who_may_send_may_send_batches_and_nothing_more(tmp_path: Path) -> None:
    # Given
    source = read(tmp_path)
    # When
    changed = quirks.with_batches(source)
    # Then
    sends, reads = changed["Resources"]["PayRole"]["Properties"]["Statement"]
    assert sends["Action"] == ["sqs:SendMessage", "sqs:DeleteMessage", "sqs:SendMessageBatch"]
    assert reads["Action"] == ["dynamodb:GetItem"]
    assert changed["Resources"]["PayFunction"] == source["Resources"]["PayFunction"]
