// All that the frame ever says to the page. Each message is put together here from known words,
// booleans and small numbers, so that nothing which was typed can be in one.

import { BRAND_NAMES, UNKNOWN } from "./number.js";

export const FIELDS = ["number", "expiry", "cvc"];
export const PROBLEMS = new Set(["empty", "incomplete", "invalid", "expired", "refused"]);
export const REFUSALS = new Set([
  "card_incomplete",
  "card_refused",
  "details_refused",
  "key_refused",
  "labels_refused",
  "network_error",
  "rate_limited",
  "server_error",
  "style_refused",
]);
const DETAILS = new Set([
  "name",
  ...["line1", "line2", "city", "state", "postal_code", "country"].map((n) => `billing_address.${n}`),
]);
const TOKEN = /^tok_[0-9a-z]{26}$/;
const OWN_NAME = /^[A-Za-z_]{1,40}$/;
const LAST_FOUR = /^[0-9]{4}$/;

const among = (known, word, otherwise) => (known.has(word) ? word : otherwise);
const whole = (value, from, to) => (
  Number.isInteger(value) && value >= from && value <= to ? value : null
);

export const ready = () => ({ type: "ready" });

export const height = (px) => ({ type: "height", px: whole(Math.ceil(px), 0, 2000) ?? 0 });

export const change = ({ complete, empty, brand, problems }) => ({
  type: "change",
  complete: complete === true,
  empty: empty === true,
  brand: among(BRAND_NAMES, brand, UNKNOWN),
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
export function token(id, answer) {
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
