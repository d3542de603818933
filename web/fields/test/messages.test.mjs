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

// What somebody could try to get out of the frame: the number wherever a message has room.
const places = [NUMBER, CODE, Number(NUMBER), [NUMBER], { number: NUMBER }, `x${NUMBER}`];
const holds = (message) => JSON.stringify(message).includes(CODE) || /\d{5}/.test(JSON.stringify(message));

test("nothing that was typed can be in a message about the card", () => {
  for (const it of places) {
    for (const message of [
      messages.change({ complete: it, empty: it, brand: it, problems: { number: it, [it]: "empty", cvc: it } }),
      messages.height(it),
      messages.notTaken(it, [String(it)]),
      messages.refused(it, it, "words", { expiry: it, [`billing_address.${it}`]: "refused" }),
    ]) {
      assert.equal(holds(message), false, JSON.stringify(message));
    }
  }
});

test("a token is what the server said of it, and no more", () => {
  const message = messages.token(1, { ...ANSWER, number: NUMBER, cvc: CODE, name: NUMBER });
  assert.deepEqual(message, { type: "token", id: 1, token: ANSWER });
});

test("an answer that is no token is none", () => {
  for (const changed of [
    { token: NUMBER }, { token: undefined }, { last_four: NUMBER }, { last_four: null },
    { exp_month: 13 }, { exp_month: "12" }, { exp_year: 30 }, { exp_year: Number(NUMBER) },
  ]) {
    assert.equal(messages.token(1, { ...ANSWER, ...changed }), null, JSON.stringify(changed));
  }
  assert.equal(messages.token(1, null), null);
  assert.equal(messages.token(1, { ...ANSWER, card_brand: NUMBER }).token.card_brand, "unknown");
});

test("what is known gets through", () => {
  const problems = { number: "invalid", expiry: "expired" };
  assert.deepEqual(messages.change({ complete: false, empty: true, brand: "amex", problems }), {
    type: "change", complete: false, empty: true, brand: "amex", errors: problems,
  });
  const refused = messages.refused(7, "details_refused", "words", { "billing_address.country": "refused" });
  assert.deepEqual(refused, {
    type: "refused", id: 7, code: "details_refused", message: "words",
    fields: { "billing_address.country": "refused" },
  });
  const labels = messages.notTaken("labels_refused", ["card_nr", "x y"]);
  assert.deepEqual([labels.code, labels.fields], ["labels_refused", { card_nr: "refused", unknown: "refused" }]);
});
