import assert from "node:assert/strict";
import { test } from "node:test";
import { readHolder } from "../frame/account.js";
import { readAccountNumber, readAccountType, readRoutingNumber } from "../frame/ach.js";

const problems = (read, typed) => typed.map((one) => read(one).problem);

test("a routing number has nine digits, of which the last checks the others", () => {
  assert.deepEqual(
    problems(readRoutingNumber, ["", "02100002", "021000021", "021-000-021", "110000000", "0210000219"]),
    ["empty", "incomplete", null, null, null, null],
  );
  assert.deepEqual(problems(readRoutingNumber, ["021000022", "123456789", "990000003", "000000000"]),
    ["invalid", "invalid", "invalid", "invalid"]);
  assert.equal(readRoutingNumber("0210000219").value, "021000021");
});

test("of an account number nothing is left out unseen", () => {
  assert.deepEqual(
    problems(readAccountNumber, ["", "123", "0044", "12345678901234567", "123456789012345678", "12A45", "１２３４"]),
    ["empty", "incomplete", null, null, "invalid", "invalid", "invalid"],
  );
  assert.equal(readAccountNumber("00-12 34").value, "001234");
  assert.equal(readAccountNumber("12A45").text, "12A45");
  assert.equal(readAccountNumber("123456789012345678").text.length, 18);
});

test("an account is a checking account until somebody says that it is not", () => {
  const read = ["", "CHECKING", "SAVINGS", "OTHER"].map(readAccountType);
  assert.deepEqual(read.map(({ value }) => value), ["CHECKING", "CHECKING", "SAVINGS", "CHECKING"]);
  assert.deepEqual(read.map(({ isGiven }) => isGiven), [true, true, false, true]);
});

test("a holder has a name", () => {
  assert.deepEqual(problems(readHolder, ["", "  ", "Ada"]), ["empty", "empty", null]);
  assert.deepEqual([readHolder(" Ada ").value, readHolder(" Ada ").text], ["Ada", " Ada "]);
});
