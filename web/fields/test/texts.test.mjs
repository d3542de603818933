import assert from "node:assert/strict";
import { test } from "node:test";
import { FIELDS, REFUSALS } from "../frame/messages.js";
import { LOCALES, textsOf } from "../frame/texts.js";

test("every language says everything", () => {
  for (const [name, texts] of Object.entries(LOCALES)) {
    assert.deepEqual(Object.keys(texts), Object.keys(LOCALES.en), name);
    assert.ok(Object.values(texts).every((text) => text.trim().length > 0), name);
  }
});

test("every refusal and every problem that a field can have is said in words", () => {
  const { say } = textsOf("en");
  for (const code of REFUSALS) if (!/^(style|labels)_/.test(code)) assert.notEqual(say(code), "", code);
  const can = { number: ["empty", "incomplete", "invalid", "refused"], cvc: ["empty", "incomplete", "refused"],
    expiry: ["empty", "incomplete", "invalid", "expired", "refused"] };
  for (const name of FIELDS) for (const problem of can[name]) assert.notEqual(say(`${name}_${problem}`), "");
});

test("a locale is found by its language", () => {
  for (const [locale, lang] of [["de-AT", "de"], ["FR", "fr"], ["es_MX", "es"], ["nl", "en"], [undefined, "en"], ["__proto__", "en"]]) {
    assert.equal(textsOf(locale).lang, lang, locale);
  }
});

test("a page replaces words, and nothing but words", () => {
  const { say, lang, dir, refused } = textsOf("he", { number: "מספר כרטיס", cvc: 5, unheard: "x", expiry: "  " });
  assert.deepEqual([say("number"), say("cvc"), say("expiry"), say("unheard")], ["מספר כרטיס", "Security code", "Expiry date", ""]);
  assert.deepEqual([lang, dir], ["he", "rtl"]);
  assert.deepEqual(refused, ["cvc", "unheard", "expiry"]);
  assert.equal(textsOf("en", { number: "x".repeat(999) }).say("number").length, 120);
});
