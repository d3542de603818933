import assert from "node:assert/strict";
import { test } from "node:test";
import { readCode } from "../frame/code.js";
import { readExpiry } from "../frame/expiry.js";

const NOW = new Date("2026-11-30T23:30:00Z");

const reads = [
  // typed, text, problem, month, year
  ["", "", "empty"],
  ["1", "1", "incomplete"],
  ["4", "04 / ", "incomplete"],
  ["12", "12 / ", "incomplete"],
  ["13", "01 / 3", "incomplete"],
  ["00", "00 / ", "invalid"],
  ["1/", "01 / ", "incomplete"],
  ["1/30", "01 / 30", null, 1, 2030],
  ["1230", "12 / 30", null, 12, 2030],
  ["12 / 30", "12 / 30", null, 12, 2030],
  ["12 / 305", "12 / 30", null, 12, 2030],
  ["12/2030", "12 / 2030", null, 12, 2030],
  ["122030", "12 / 2030", null, 12, 2030],
  ["12 / 20", "12 / 20", "incomplete"],
  ["12 / 203", "12 / 203", "incomplete"],
  ["2030-12", "12 / 2030", null, 12, 2030],
  ["2030-02", "02 / 2030", null, 2, 2030],
  ["10/26", "10 / 26", "expired"],
  ["11/26", "11 / 26", null, 11, 2026],
  ["11/46", "11 / 46", null, 11, 2046],
  ["12/46", "12 / 46", "invalid"],
  ["12/1999", "12 / 19", "expired"],
];

for (const [typed, text, problem, month, year] of reads) {
  test(`expiry ${JSON.stringify(typed)}`, () => {
    const read = readExpiry(typed, NOW);
    assert.deepEqual([read.text, read.problem, read.month, read.year], [text, problem, month, year]);
  });
}

test("a card is good to the end of its month, in UTC", () => {
  assert.equal(readExpiry("11/26", new Date("2026-12-01T00:00:00Z")).problem, "expired");
});

test("what was read reads the same again", () => {
  for (const [typed] of reads) {
    const once = readExpiry(typed, NOW);
    const again = readExpiry(once.text, NOW);
    assert.deepEqual(again, once, typed);
  }
});

test("a security code has as many digits as its brand's", () => {
  assert.deepEqual(
    ["", "12", "123", "1234", "12a3"].map((typed) => readCode(typed, 3).problem),
    ["empty", "incomplete", null, null, null],
  );
  assert.equal(readCode("1234", 3).digits, "123");
  assert.deepEqual(["123", "1234"].map((typed) => readCode(typed, 4).problem), ["incomplete", null]);
});
