import assert from "node:assert/strict";
import { test } from "node:test";
import { createToken, Refusal } from "../frame/tokens.js";

const CARD = { number: "4242424242424242", exp_month: 12, exp_year: 2030, cvc: "123" };
const never = new AbortController().signal;

async function answered(answer, { what = "card", typed = CARD } = {}) {
  const asked = [];
  globalThis.fetch = async (url, options) => {
    asked.push([url, options]);
    return answer(options);
  };
  try {
    return { body: await createToken("pk_test_x", what, typed, never), asked };
  } catch (refusal) {
    assert.ok(refusal instanceof Refusal, String(refusal));
    return { refusal, asked };
  }
}
const json = (status, body) => () => new Response(JSON.stringify(body), { status });

test("what was typed goes to the frame's own origin, once, without cookies and without a trace", async () => {
  const { body, asked } = await answered(json(201, { token: "tok" }));
  assert.deepEqual(body, { token: "tok" });
  const [[url, options]] = asked;
  assert.equal(url, "../../v1/tokens"); // of …/fields/v1/frame, whatever stage is before it
  assert.deepEqual(JSON.parse(options.body), CARD);
  assert.deepEqual(
    [options.mode, options.credentials, options.cache, options.redirect, options.referrerPolicy, asked.length],
    ["same-origin", "omit", "no-store", "error", "no-referrer", 1],
  );
});

const refusals = [
  [json(400, { fields: [{ field: "number" }, { field: "exp_year" }] }), "card_refused", { number: "refused", expiry: "refused" }],
  [json(400, { fields: [{ field: "exp_month" }] }), "card_refused", { expiry: "refused" }],
  [json(422, { fields: [{ field: "cvc" }] }), "card_refused", { cvc: "refused" }],
  [json(400, { fields: [{ field: "billing_address.country" }] }), "details_refused", { "billing_address.country": "refused" }],
  [json(400, {}), "details_refused", {}],
  [json(401, {}), "key_refused", {}],
  [json(403, {}), "key_refused", {}],
  [json(429, {}), "rate_limited", {}],
  [json(500, {}), "server_error", {}],
  [json(504, { fields: [{ field: "number" }] }), "server_error", {}],
  [() => new Response("<html>", { status: 502 }), "server_error", {}],
  [() => new Response("<html>", { status: 200 }), "server_error", {}],
  [() => { throw new TypeError("network"); }, "network_error", {}],
];

for (const [answer, code, problems] of refusals) {
  test(`${code} ${JSON.stringify(problems)}`, async () => {
    const { refusal } = await answered(answer);
    assert.deepEqual([refusal.code, refusal.problems], [code, problems]);
    assert.equal(JSON.stringify([refusal.message, refusal.problems]).includes("4242"), false);
  });
}

const account = { what: "account", typed: { type: "BANK", iban: "DE00" } };
const ofAccounts = [
  [["iban", "holder_name"], "account_refused", { iban: "refused", holder_name: "refused" }],
  [["iban", "mandate.accepted_at"], "account_refused", { iban: "refused", "mandate.accepted_at": "refused" }],
  [["mandate.accepted_at"], "clock_wrong", { "mandate.accepted_at": "refused" }],
  [["billing_address.country"], "details_refused", { "billing_address.country": "refused" }],
];

for (const [fields, code, problems] of ofAccounts) {
  test(`an account: ${fields} is ${code}`, async () => {
    const answer = json(400, { fields: fields.map((field) => ({ field })) });
    const { refusal } = await answered(answer, account);
    assert.deepEqual([refusal.code, refusal.problems], [code, problems]);
  });
}
