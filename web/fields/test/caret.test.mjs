import assert from "node:assert/strict";
import { test } from "node:test";
import { caretIn, withoutStuckSeparator } from "../frame/caret.js";
import { readExpiry } from "../frame/expiry.js";
import { readNumber } from "../frame/number.js";

// A person at a keyboard: text and caret, after each key.
function keyboard(read) {
  let [text, at] = ["", 0];
  const take = (typed, place, inputType) => {
    const mended = withoutStuckSeparator(text, typed, place, inputType);
    text = read(mended.typed).text;
    at = caretIn(text, mended.typed, mended.at);
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
