import assert from "node:assert/strict";
import { test } from "node:test";
import * as messages from "../frame/messages.js";

const NUMBER = "4242424242424242";
const CODE = "9876";
const ANSWER = {
  token: `tok_${"0".repeat(26)}`,
  last_four: "4242",
  card_brand: "visa",
  exp_month: 12,
  exp_year: 2030,
};

const ACCOUNT = {
  token: `tok_${"0".repeat(25)}a`,
  last_four: "2606",
  bank: { scheme: "SEPA", country: "FR", account_type: null },
  mandate: { reference: `${"0".repeat(25)}A`, accepted_at: "2026-11-22T09:00:00Z", ip_address: "203.0.113.9" },
};

// What somebody could try to get out of the frame: the number wherever a message has room.
const places = [NUMBER, CODE, Number(NUMBER), [NUMBER], { number: NUMBER }, `x${NUMBER}`];
const holds = (message) => JSON.stringify(message).includes(CODE) || /\d{5}/.test(JSON.stringify(message));

test("nothing that was typed can be in a message about it", () => {
  for (const it of places) {
    for (const message of [
      messages.change({ complete: it, empty: it, brand: it, problems: { number: it, [it]: "empty", cvc: it } }),
      messages.change({ complete: it, empty: it, country: it, problems: { iban: it, [it]: "empty" } }),
      messages.height(it),
      messages.notTaken(it, [String(it)]),
      messages.refused(it, it, "words", { expiry: it, [`billing_address.${it}`]: "refused" }),
    ]) {
      assert.equal(holds(message), false, JSON.stringify(message));
    }
  }
});

test("a token is what the server said of it, and no more", () => {
  const message = messages.cardToken(1, { ...ANSWER, number: NUMBER, cvc: CODE, name: NUMBER });
  assert.deepEqual(message, { type: "token", id: 1, token: ANSWER });
});

test("an answer that is no token is none", () => {
  for (const changed of [
    { token: NUMBER }, { token: undefined }, { last_four: NUMBER }, { last_four: null },
    { exp_month: 13 }, { exp_month: "12" }, { exp_year: 30 }, { exp_year: Number(NUMBER) },
  ]) {
    assert.equal(messages.cardToken(1, { ...ANSWER, ...changed }), null, JSON.stringify(changed));
  }
  assert.equal(messages.cardToken(1, null), null);
  assert.equal(messages.cardToken(1, { ...ANSWER, card_brand: NUMBER }).token.card_brand, "unknown");
});

test("an account's token is what the server said of it, and no more", () => {
  const message = messages.accountToken(1, { ...ACCOUNT, iban: NUMBER, name: "Ada", holder_name: "Ada" });
  const { token, last_four } = ACCOUNT;
  const mandate_reference = ACCOUNT.mandate.reference;
  assert.deepEqual(message, {
    type: "token", id: 1, token: { token, last_four, country: "FR", account_type: null, mandate_reference },
  });
  for (const changed of [
    { token: NUMBER }, { last_four: NUMBER }, { last_four: "26-6" }, { mandate: undefined },
    { mandate: { reference: `${NUMBER}${NUMBER}`.slice(0, 26) } },
  ]) {
    assert.equal(messages.accountToken(1, { ...ACCOUNT, ...changed }), null, JSON.stringify(changed));
  }
  const other = messages.accountToken(1, { ...ACCOUNT, bank: { country: NUMBER, account_type: NUMBER } });
  assert.deepEqual([other.token.country, other.token.account_type], [null, null]);
});

test("what is known gets through", () => {
  const problems = { number: "invalid", expiry: "expired" };
  assert.deepEqual(messages.change({ complete: false, empty: true, brand: "amex", problems }), {
    type: "change", complete: false, empty: true, brand: "amex", errors: problems,
  });
  assert.deepEqual(messages.change({ complete: true, empty: false, country: "DE", problems: {} }), {
    type: "change", complete: true, empty: false, country: "DE", errors: {},
  });
  const refused = messages.refused(7, "details_refused", "words", { "billing_address.country": "refused" });
  assert.deepEqual(refused, {
    type: "refused", id: 7, code: "details_refused", message: "words",
    fields: { "billing_address.country": "refused" },
  });
  const labels = messages.notTaken("labels_refused", ["card_nr", "x y"]);
  assert.deepEqual([labels.code, labels.fields], ["labels_refused", { card_nr: "refused", unknown: "refused" }]);
});
