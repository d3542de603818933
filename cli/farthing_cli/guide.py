"""What a user sees when the local stack is ready: addresses, keys, and commands to paste."""

from __future__ import annotations

from farthing_cli.card_frame import script_tag
from farthing_cli.state import Dev

VALUE_OF = "python3 -c 'import json,sys; print(json.load(sys.stdin)[\"{field}\"])'"


def addresses(dev: Dev) -> str:
    """Where things answer, and the keys."""
    return "\n".join(
        (
            f"  demo shop         {dev.shop_url}   buy something with 4242 4242 4242 4242",
            f"  API               {dev.api_url}/v1/…",
            f"  card numbers      {dev.tokens_url}/v1/tokens",
            f"  card fields       {dev.tokens_url}/fields/v1/fields.js",
            f"  sandbox acquirer  {dev.acquirer_url}/transactions",
            f"  AWS (MiniStack)   {dev.aws_endpoint_url}",
            f"  merchant          {dev.merchant_id}",
            f"  secret key        {dev.secret_key}",
            f"  publishable key   {dev.publishable_key}",
            "  all of it         .farthing/dev.json",
        )
    )


def commands(dev: Dev) -> str:
    """Commands that work when pasted, one after the other."""
    key = f"-H 'Authorization: Bearer {dev.secret_key}'"
    publishable = f"-H 'Authorization: Bearer {dev.publishable_key}'"
    return f"""\
# in a page of one of the merchant's origins (docs/fields.md): card fields that it cannot read
{script_tag(dev.tokens_url)}

# a session of the hosted checkout page: open its url
curl -s {dev.api_url}/v1/checkout_sessions {key} -H "Idempotency-Key: order-$RANDOM" \\
  -d '{{"line_items":[{{"name":"Tea","quantity":2,"amount_cents":450}}],"currency":"eur",
      "success_url":"{dev.shop_url}/thanks?session={{CHECKOUT_SESSION_ID}}",
      "cancel_url":"{dev.shop_url}/"}}' | {VALUE_OF.format(field="url")}

# in another terminal: receive webhooks, each signature checked; --forward-to a server of yours
.venv/bin/farthing listen

# and make some: refund.succeeded, acquirer.timeout, webhook.duplicate, … (--list)
.venv/bin/farthing trigger payment_intent.succeeded

# a card becomes a token, on an origin of its own
TOKEN=$(curl -s {dev.tokens_url}/v1/tokens {publishable} \\
  -d '{{"number":"4242424242424242","exp_month":12,"exp_year":2030,"cvc":"123"}}' \\
  | {VALUE_OF.format(field="token")})

# charge it
INTENT=$(curl -s {dev.api_url}/v1/payment_intents {key} -H "Idempotency-Key: charge-$TOKEN" \\
  -d '{{"amount_cents":5000,"currency":"eur","token":"'$TOKEN'","confirm":true}}' \\
  | tee /dev/stderr | {VALUE_OF.format(field="intent_id")})

# refund half of it
curl -s {dev.api_url}/v1/refunds {key} -H "Idempotency-Key: refund-$INTENT" \\
  -d '{{"payment_intent_id":"'$INTENT'","amount_cents":2500}}'

# this card is charged, but its answer never comes: 202, and recovery finds out in seconds
TOKEN=$(curl -s {dev.tokens_url}/v1/tokens {publishable} \\
  -d '{{"number":"4000009900000012","exp_month":12,"exp_year":2030,"cvc":"123"}}' \\
  | {VALUE_OF.format(field="token")})
curl -s {dev.api_url}/v1/payment_intents {key} -H "Idempotency-Key: charge-$TOKEN" \\
  -d '{{"amount_cents":5000,"currency":"eur","token":"'$TOKEN'","confirm":true}}'
.venv/bin/farthing unknown

# or register an endpoint of your own
curl -s {dev.api_url}/v1/webhook_endpoints {key} \\
  -d '{{"url":"http://127.0.0.1:9000/","event_types":["*"]}}'

# settle the days that are over, which needs a day to be over
.venv/bin/farthing clock advance 1d && .venv/bin/farthing settle
curl -s {dev.api_url}/v1/settlements {key}"""
