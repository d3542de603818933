// What the page asks of the API: its session, and to pay it. The key is in the address after the
// `#`, where a browser keeps it to itself; all addresses are relative to the page's own.

const ANSWER_SECONDS_MAX = 35; // the gateway gives up after 29

const key = location.hash.slice(1);
const sessionId = location.pathname.split("/").pop();
const own = `../v1/checkout_sessions/${encodeURIComponent(sessionId)}`;

export const hasKey = /^ck_(test|live)_[A-Za-z0-9_-]{43,64}$/.test(key);
export const checkoutKey = key;

// Both give {status, body, retryAfterSeconds}; status 0 if no usable answer came.
export const read = () => ask("GET", own);

// The token is the idempotency key too: one card typed in is one attempt, however often it is sent.
export const pay = (token) => ask("POST", `${own}/pay`, { token }, token);

async function ask(method, url, sent, idempotencyKey) {
  const headers = { Authorization: `Bearer ${key}` };
  if (sent) headers["Content-Type"] = "application/json";
  if (idempotencyKey) headers["Idempotency-Key"] = idempotencyKey;
  try {
    const answer = await fetch(url, {
      method,
      headers,
      body: sent && JSON.stringify(sent),
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
      referrerPolicy: "no-referrer",
      signal: AbortSignal.timeout(ANSWER_SECONDS_MAX * 1000),
    });
    const retryAfterSeconds = Number(answer.headers.get("Retry-After")) || 0;
    return { status: answer.status, body: await answer.json(), retryAfterSeconds };
  } catch {
    return { status: 0, body: {}, retryAfterSeconds: 0 };
  }
}
