// An IBAN as it is typed: in groups of four, of a country of SEPA, with its length and its check
// digits. The letters and digits within it are left to the server.

// The same as the server's, in farthing/iban.py: a test compares them.
const COUNTRIES = "AD24 AL28 AT20 BE16 BG22 CH21 CY28 CZ24 DE22 DK18 EE20 ES24 FI18 FR27 GB22 GI23 GR27 "
  + "HR21 HU28 IE22 IS26 IT27 LI21 LT20 LU20 LV21 MC27 MD24 ME22 MK19 MT31 NL18 NO15 PL28 PT25 RO24 "
  + "RS22 SE24 SI19 SK24 SM27 VA22";
export const LENGTHS = new Map(
  COUNTRIES.split(" ").map((one) => [one.slice(0, 2), Number(one.slice(2))]),
);
const LENGTH_MAX = 34;
const LABEL = /^\s*IBAN[\s:]+/; // copied with it from a letter
const NEVER_MADE = /^..(00|01|99)/; // though each would pass the division

// {value, text, country, problem, isOver}: problem is null, or "empty", "incomplete", "invalid",
// "unsupported", of a country that cannot be debited. `country` is null until it is known.
export function readIban(typed) {
  const all = typed.toUpperCase().replace(LABEL, "").replace(/[^0-9A-Z]/g, "");
  const country = LENGTHS.has(all.slice(0, 2)) ? all.slice(0, 2) : null;
  const value = all.slice(0, LENGTHS.get(country) ?? LENGTH_MAX);
  const problem = problemOf(value, country);
  return {
    value,
    text: value.replace(/.{4}(?=.)/g, "$& "),
    country,
    problem,
    isOver: problem === "invalid" || problem === "unsupported",
  };
}

function problemOf(value, country) {
  if (value === "") return "empty";
  if (!/^([A-Z]$|[A-Z]{2})/.test(value)) return "invalid";
  if (value.length === 1) return "incomplete";
  if (country === null) return "unsupported";
  if (value.length < LENGTHS.get(country)) return "incomplete";
  return passes(value) ? null : "invalid";
}

// ISO 7064, MOD 97-10. Letters count from 10 on: A is 10, Z is 35.
function passes(iban) {
  const turned = [...iban.slice(4), ...iban.slice(0, 4)].map((one) => parseInt(one, 36)).join("");
  return !NEVER_MADE.test(iban) && [...turned].reduce((rest, one) => (rest * 10 + Number(one)) % 97, 0) === 1;
}
