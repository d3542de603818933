// The one request of the frame: what was typed to its own origin, and nowhere else.

import { FIELDS } from "./messages.js";

const PATH = "../../v1/tokens";
const SECONDS_MAX = 30;
const FIELD_OF = { exp_month: "expiry", exp_year: "expiry" }; // where it is not the server's own name
const AGREED_AT = "mandate.accepted_at";

export class Refusal extends Error {
  constructor(code, problems = {}) {
    super(code);
    this.code = code;
    this.problems = problems; // by field
  }
}

// The server's answer to a card or an account, which `what` says. Name and address are the page's, as
// it gave them: the server says whether they may be. Raises Refusal.
export async function createToken(key, what, typed, giveUp) {
  const signals = [giveUp, AbortSignal.timeout(SECONDS_MAX * 1000)];
  let answer;
  let body;
  try {
    answer = await fetch(PATH, {
      method: "POST",
      mode: "same-origin",
      credentials: "omit",
      cache: "no-store",
      redirect: "error",
      referrerPolicy: "no-referrer",
      headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
      body: JSON.stringify(typed),
      signal: AbortSignal.any ? AbortSignal.any(signals) : signals[1],
    });
    body = await answer.json();
  } catch {
    throw new Refusal(answer && !giveUp.aborted ? "server_error" : "network_error");
  }
  if (answer.ok) return body;
  throw refusalOf(answer.status, body, what);
}

function refusalOf(status, body, what) {
  if (status === 401 || status === 403) return new Refusal("key_refused");
  if (status === 429) return new Refusal("rate_limited");
  if (status !== 400 && status !== 422) return new Refusal("server_error");
  const named = Array.isArray(body?.fields) ? body.fields.map(({ field }) => field) : [];
  const problems = Object.fromEntries(named.map((field) => [FIELD_OF[field] ?? field, "refused"]));
  if (FIELDS.some((field) => field in problems)) return new Refusal(`${what}_refused`, problems);
  return new Refusal(AGREED_AT in problems ? "clock_wrong" : "details_refused", problems);
}
