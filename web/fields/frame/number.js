// A card number as it is typed: its brand, how it is grouped, and what is wrong with it.
//
// What the library does not know is left to the server: a number of no brand may still be one.

import { cardNumber } from "card-validator/dist/card-number.js";
import passesLuhn from "card-validator/dist/luhn-10.js";

const LENGTH_MIN = 13;
const LENGTH_MAX = 19;
const GAPS = [4, 8, 12, 16];
const CODE_LENGTH = 3;
const BRANDS = {
  "american-express": "amex",
  "diners-club": "diners",
  discover: "discover",
  jcb: "jcb",
  maestro: "maestro",
  mastercard: "mastercard",
  unionpay: "unionpay",
  visa: "visa",
};
export const UNKNOWN = "unknown";
export const BRAND_NAMES = new Set([...Object.values(BRANDS), UNKNOWN]);

// {digits, text, brand, codeLength, problem}: problem is null, or "empty", "incomplete", "invalid".
// `isOver` says that no further digit can mend it.
export function readNumber(typed) {
  const all = typed.replace(/\D/g, "");
  const known = cardNumber(all.slice(0, LENGTH_MAX), { luhnValidateUnionPay: true }).card;
  const lengths = known?.lengths.filter((length) => length >= LENGTH_MIN);
  const longest = lengths ? Math.max(...lengths) : LENGTH_MAX;
  const digits = all.slice(0, longest);
  const problem = problemOf(digits, lengths);
  return {
    digits,
    text: grouped(digits, known?.gaps ?? GAPS),
    brand: BRANDS[known?.type] ?? UNKNOWN,
    codeLength: known?.code.size ?? CODE_LENGTH,
    problem,
    isOver: problem === "invalid" && digits.length === longest,
  };
}

function problemOf(digits, lengths) {
  if (digits === "") return "empty";
  const isLength = lengths ? lengths.includes(digits.length) : digits.length >= LENGTH_MIN;
  if (!isLength) return "incomplete";
  return passesLuhn(digits) ? null : "invalid";
}

function grouped(digits, gaps) {
  const starts = [0, ...gaps.filter((gap) => gap < digits.length)];
  return starts.map((start, place) => digits.slice(start, starts[place + 1])).join(" ");
}
