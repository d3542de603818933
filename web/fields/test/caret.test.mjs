import assert from "node:assert/strict";
import { test } from "node:test";
import { readHolder } from "../frame/account.js";
import { ANYTHING, caretIn, DIGIT, LETTER_OR_DIGIT, withoutStuckSeparator } from "../frame/caret.js";
import { readExpiry } from "../frame/expiry.js";
import { readIban } from "../frame/iban.js";
import { readNumber } from "../frame/number.js";

// A person at a keyboard: text and caret, after each key.
function keyboard(read, kept = DIGIT) {
  let [text, at] = ["", 0];
  const take = (typed, place, inputType) => {
    const mended = withoutStuckSeparator(text, typed, place, inputType, kept);
    text = read(mended.typed).text;
    at = caretIn(text, mended.typed, mended.at, kept);
  };
  const keys = {
    type(characters) {
      for (const one of characters) take(text.slice(0, at) + one + text.slice(at), at + 1, "insertText");
      return keys;
    },
    backspace(times = 1) {
      for (let n = 0; n < times && at > 0; n += 1) {
        take(text.slice(0, at - 1) + text.slice(at), at - 1, "deleteContentBackward");
      }
      return keys;
    },
    del() {
      take(text.slice(0, at) + text.slice(at + 1), at, "deleteContentForward");
      return keys;
    },
    go(place) {
      at = place;
      return keys;
    },
    get is() {
      return `${text.slice(0, at)}|${text.slice(at)}`;
    },
  };
  return keys;
}
const number = () => keyboard(readNumber);
const iban = () => keyboard(readIban, LETTER_OR_DIGIT);
const name = () => keyboard(readHolder, ANYTHING);
const expiry = () => keyboard((typed) => readExpiry(typed, new Date("2026-11-30T00:00:00Z")));

test("typing goes on behind what is grouped", () => {
  assert.equal(number().type("42424").is, "4242 4|");
  assert.equal(expiry().type("1230").is, "12 / 30|");
  assert.equal(expiry().type("122030").is, "12 / 2030|");
});

test("a digit in the middle stays in the middle", () => {
  assert.equal(number().type("42424242").go(2).type("9").is, "429|4 2424 2");
  assert.equal(number().type("4242424242424242").go(5).del().is, "4242| 2424 2424 242");
});

test("a separator does not hold the backspace key up", () => {
  assert.equal(number().type("42424").backspace(2).is, "424|");
  assert.equal(expiry().type("12").backspace().is, "1|");
  assert.equal(expiry().type("1230").backspace(9).is, "|");
  assert.equal(number().type("42424242").go(5).backspace().is, "424|4 242");
  assert.equal(number().type("42424242").go(4).del().del().is, "4242| 42");
});

test("the letters of an IBAN stay where they are typed", () => {
  assert.equal(iban().type("gb82west1234").is, "GB82 WEST 1234|");
  assert.equal(iban().type("gb82wes1234").go(8).type("t").is, "GB82 WEST| 1234");
  assert.equal(iban().type("gb82west1").go(5).backspace().is, "GB8|W EST1");
  assert.equal(iban().type("gb82west1").go(4).del().is, "GB82| EST1");
});

test("nothing of a name is a separator", () => {
  assert.equal(name().type("Ada 2nd L.").backspace(2).is, "Ada 2nd |");
  assert.equal(name().type("Ada  King").go(5).backspace().is, "Ada |King");
});
