// All that the frame ever says to the page. Each message is put together here from known words,
// booleans and small numbers, so that nothing which was typed can be in one.

import { ACCOUNT_TYPES } from "./ach.js";
import { LENGTHS } from "./iban.js";
import { BRAND_NAMES, UNKNOWN } from "./number.js";

export const FIELDS = [
  "number", "expiry", "cvc",
  "iban", "routing_number", "account_number", "account_type", "holder_name",
];
export const PROBLEMS = new Set(["empty", "incomplete", "invalid", "expired", "unsupported", "refused"]);
export const REFUSALS = new Set([
  "account_incomplete",
  "account_refused",
  "card_incomplete",
  "card_refused",
  "clock_wrong",
  "details_refused",
  "key_refused",
  "labels_refused",
  "mandate_missing",
  "network_error",
  "rate_limited",
  "server_error",
  "style_refused",
]);
const DETAILS = new Set([
  "name",
  "mandate_accepted",
  ...["line1", "line2", "city", "state", "postal_code", "country"].map((n) => `billing_address.${n}`),
]);
const TOKEN = /^tok_[0-9a-z]{26}$/;
const OWN_NAME = /^[A-Za-z_]{1,40}$/;
const LAST_FOUR = /^[0-9]{4}$/;
const LAST_FOUR_OF_ACCOUNT = /^[0-9A-Z]{4}$/;
const COUNTRIES = new Set([...LENGTHS.keys(), "US"]);
const TYPES = new Set(ACCOUNT_TYPES);

const among = (known, word, otherwise) => (known.has(word) ? word : otherwise);
const whole = (value, from, to) => (
  Number.isInteger(value) && value >= from && value <= to ? value : null
);

export const ready = () => ({ type: "ready" });

export const height = (px) => ({ type: "height", px: whole(Math.ceil(px), 0, 2000) ?? 0 });

// A card has a brand, an account a country.
export const change = ({ complete, empty, problems, ...more }) => ({
  type: "change",
  complete: complete === true,
  empty: empty === true,
  ...("brand" in more
    ? { brand: among(BRAND_NAMES, more.brand, UNKNOWN) }
    : { country: among(COUNTRIES, more.country, null) }),
  errors: problemsOf(problems),
});

// What of the looks or of the words is not taken. The names are the page's own.
export const notTaken = (code, names) => {
  const known = names.map((name) => (OWN_NAME.test(name) ? name : "unknown"));
  return {
    type: "error",
    code: among(REFUSALS, code, "style_refused"),
    message: `not taken: ${known.join(", ")}`,
    fields: Object.fromEntries(known.map((name) => [name, "refused"])),
  };
};

// What the server answered, and no more of it than the page may have. Null if it is no token.
export function cardToken(id, answer) {
  const last_four = String(answer?.last_four);
  const exp_month = whole(answer?.exp_month, 1, 12);
  const exp_year = whole(answer?.exp_year, 2000, 2100);
  if (!TOKEN.test(answer?.token) || !LAST_FOUR.test(last_four) || !exp_month || !exp_year) return null;
  const card_brand = among(BRAND_NAMES, answer.card_brand, UNKNOWN);
  return {
    type: "token",
    id: whole(id, 1, 1e9),
    token: { token: answer.token, last_four, card_brand, exp_month, exp_year },
  };
}

export function accountToken(id, answer) {
  const last_four = String(answer?.last_four);
  if (!TOKEN.test(answer?.token) || !LAST_FOUR_OF_ACCOUNT.test(last_four)) return null;
  const mandate_reference = answer.token.slice(4).toUpperCase();
  if (answer.mandate?.reference !== mandate_reference) return null;
  const country = among(COUNTRIES, answer.bank?.country, null);
  const account_type = among(TYPES, answer.bank?.account_type, null);
  return {
    type: "token",
    id: whole(id, 1, 1e9),
    token: { token: answer.token, last_four, country, account_type, mandate_reference },
  };
}

export const refused = (id, code, message, problems) => ({
  type: "refused",
  id: whole(id, 1, 1e9),
  code: among(REFUSALS, code, "server_error"),
  message,
  fields: problemsOf(problems),
});

function problemsOf(problems = {}) {
  const known = Object.entries(problems).filter(
    ([name, problem]) => (FIELDS.includes(name) || DETAILS.has(name)) && PROBLEMS.has(problem),
  );
  return Object.fromEntries(known);
}
