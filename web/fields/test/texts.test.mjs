import assert from "node:assert/strict";
import { test } from "node:test";
import { kindOf } from "../frame/kinds.js";
import { FIELDS, REFUSALS } from "../frame/messages.js";
import { textsOf } from "../frame/texts.js";
import { ACCOUNT, CARD } from "../frame/words.js";

const KINDS = [null, "eur", "usd"].map(kindOf);
const OF_THE_PAGE = /^(style|labels)_/; // said to who made it, in English
const CAN = {
  number: ["empty", "incomplete", "invalid", "refused"],
  expiry: ["empty", "incomplete", "invalid", "expired", "refused"],
  cvc: ["empty", "incomplete", "refused"],
  iban: ["empty", "incomplete", "invalid", "unsupported", "refused"],
  routing_number: ["empty", "incomplete", "invalid", "refused"],
  account_number: ["empty", "incomplete", "invalid", "refused"],
  account_type: ["refused"],
  holder_name: ["empty", "refused"],
};

for (const [kind, words] of Object.entries({ CARD, ACCOUNT })) {
  test(`every language says everything: ${kind}`, () => {
    for (const [name, texts] of Object.entries(words)) {
      assert.deepEqual(Object.keys(texts), Object.keys(words.en), name);
      assert.ok(Object.values(texts).every((text) => text.trim().length > 0), name);
    }
  });
}

test("every field is somebody's", () => {
  assert.deepEqual(new Set(KINDS.flatMap(({ names }) => names)), new Set(FIELDS));
});

for (const { what, names, words } of KINDS) {
  test(`every refusal and every problem that a field can have is said in words: ${names}`, () => {
    const { say } = textsOf(words, "en");
    const others = what === "card" ? /^(account_|mandate_|clock_)/ : /^card_/;
    for (const code of REFUSALS) {
      if (!OF_THE_PAGE.test(code) && !others.test(code)) assert.notEqual(say(code), "", code);
    }
    for (const name of names) {
      assert.notEqual(say(name), "", name);
      for (const problem of CAN[name]) assert.notEqual(say(`${name}_${problem}`), "", name);
    }
  });
}

test("a locale is found by its language", () => {
  for (const [locale, lang] of [["de-AT", "de"], ["FR", "fr"], ["es_MX", "es"], ["nl", "en"], [undefined, "en"], ["__proto__", "en"]]) {
    assert.equal(textsOf(CARD, locale).lang, lang, locale);
  }
});

test("a page replaces words of the fields that it shows, and nothing but words", () => {
  const labels = { number: "מספר כרטיס", cvc: 5, unheard: "x", expiry: "  ", iban: "x" };
  const { say, lang, dir, refused } = textsOf(CARD, "he", labels);
  assert.deepEqual([say("number"), say("cvc"), say("expiry"), say("unheard")], ["מספר כרטיס", "Security code", "Expiry date", ""]);
  assert.deepEqual([lang, dir], ["he", "rtl"]);
  assert.deepEqual(refused, ["cvc", "unheard", "expiry", "iban"]);
  assert.equal(textsOf(CARD, "en", { number: "x".repeat(999) }).say("number").length, 120);
});
