import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { readIban } from "../frame/iban.js";

const reads = [
  // typed, text, country, problem
  ["", "", null, "empty"],
  ["d", "D", null, "incomplete"],
  ["de", "DE", "DE", "incomplete"],
  ["de893704", "DE89 3704", "DE", "incomplete"],
  ["DE89370400440532013000", "DE89 3704 0044 0532 0130 00", "DE", null],
  ["de89 3704-0044.0532 0130 00", "DE89 3704 0044 0532 0130 00", "DE", null],
  ["DE893704004405320130009", "DE89 3704 0044 0532 0130 00", "DE", null],
  ["IBAN: DE89 3704 0044 0532 0130 00", "DE89 3704 0044 0532 0130 00", "DE", null],
  ["DE90370400440532013000", "DE90 3704 0044 0532 0130 00", "DE", "invalid"],
  ["DE89370400440532031000", "DE89 3704 0044 0532 0310 00", "DE", "invalid"],
  ["DE00370400440532013050", "DE00 3704 0044 0532 0130 50", "DE", "invalid"],
  ["GB82WEST12345698765432", "GB82 WEST 1234 5698 7654 32", "GB", null],
  ["FR1420041010050500013M02606", "FR14 2004 1010 0505 0001 3M02 606", "FR", null],
  ["MT84MALT011000012345MTLCAST001S", "MT84 MALT 0110 0001 2345 MTLC AST0 01S", "MT", null],
  ["NO9386011117947", "NO93 8601 1117 947", "NO", null],
  ["US", "US", null, "unsupported"],
  ["TR330006100519786457841326", "TR33 0006 1005 1978 6457 8413 26", null, "unsupported"],
  ["37", "37", null, "invalid"],
  ["D3", "D3", null, "invalid"],
  ["٤٢", "", null, "empty"], // no digit that an IBAN has
];

for (const [typed, text, country, problem] of reads) {
  test(`IBAN ${JSON.stringify(typed)}`, () => {
    const read = readIban(typed);
    assert.deepEqual([read.text, read.country, read.problem], [text, country, problem]);
    assert.equal(read.value, text.replaceAll(" ", ""));
    assert.deepEqual(readIban(read.text), read); // and reads the same again
    assert.equal(read.isOver, problem === "invalid" || problem === "unsupported");
  });
}

test("one wrong character, or two exchanged, are noticed", () => {
  const right = "DE89370400440532013000";
  for (let at = 4; at < right.length; at += 1) {
    const other = (Number(right[at]) + 1) % 10;
    assert.equal(readIban(right.slice(0, at) + other + right.slice(at + 1)).problem, "invalid", `${at}`);
  }
  assert.equal(readIban("DE89730400440532013000").problem, "invalid");
});

test("every test account of the sandbox can be typed", () => {
  const table = readFileSync(new URL("../../../docs/test-cards.md", import.meta.url), "utf8");
  const ibans = [...table.matchAll(/`(DE\d{20})`/g)].map((match) => match[1]);
  assert.ok(ibans.length > 5);
  for (const iban of ibans) assert.equal(readIban(iban).problem, null, iban);
});
