import assert from "node:assert/strict";
import { test } from "node:test";
import { readNumber } from "../frame/number.js";

const reads = [
  // typed, text, brand, code length, problem
  ["", "", "unknown", 3, "empty"],
  ["4242", "4242", "visa", 3, "incomplete"],
  ["4242424242424242", "4242 4242 4242 4242", "visa", 3, null],
  ["4242 4242-4242.4242", "4242 4242 4242 4242", "visa", 3, null],
  ["4242424242424241", "4242 4242 4242 4241", "visa", 3, "invalid"],
  ["42424242424242424", "4242 4242 4242 42424", "visa", 3, "incomplete"],
  ["5555555555554444", "5555 5555 5555 4444", "mastercard", 3, null],
  ["378282246310005", "3782 822463 10005", "amex", 4, null],
  ["3782822463100055555", "3782 822463 10005", "amex", 4, null],
  ["36227206271667", "3622 720627 1667", "diners", 3, null],
  ["6011000990139424", "6011 0009 9013 9424", "discover", 3, null],
  ["3530111333300000", "3530 1113 3330 0000", "jcb", 3, null],
  ["6759649826438453", "6759 6498 2643 8453", "maestro", 3, null],
  ["6240008631401148", "6240 0086 3140 1148", "unionpay", 3, null],
  ["6240008631401149", "6240 0086 3140 1149", "unionpay", 3, "invalid"],
  ["9000000000000004", "9000 0000 0000 0004", "unknown", 3, "invalid"],
  ["9000000000000001", "9000 0000 0000 0001", "unknown", 3, null], // the server decides
  ["٤٢٤٢", "", "unknown", 3, "empty"], // no digit that a card has
];

for (const [typed, text, brand, codeLength, problem] of reads) {
  test(`number ${JSON.stringify(typed)}`, () => {
    const read = readNumber(typed);
    assert.deepEqual([read.text, read.brand, read.codeLength, read.problem], [text, brand, codeLength, problem]);
    assert.equal(read.digits, text.replaceAll(" ", ""));
  });
}

test("a wrong number is said at once only when nothing can follow", () => {
  assert.equal(readNumber("5555555555554445").isOver, true); // 16 is all that there is
  assert.equal(readNumber("4242424242424241").isOver, false); // may yet have 19
});

test("every test number of the sandbox can be typed", async () => {
  const { readFileSync } = await import("node:fs");
  const table = readFileSync(new URL("../../../docs/test-cards.md", import.meta.url), "utf8");
  const numbers = [...table.matchAll(/`(\d{13,19})`/g)].map((match) => match[1]);
  assert.ok(numbers.length > 15);
  for (const number of numbers) assert.equal(readNumber(number).problem, null, number);
});
