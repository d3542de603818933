// Who embeds the frame, proved: the first word goes to the origin that the address names and to no
// other, so only a page of that origin hears it. What it answers with is a port for the two alone.

const KEY = /^(pk|ck)_(test|live)_[A-Za-z0-9_-]+$/;

// {key, origin, account} of the frame's own address, or null if it is no address of a frame.
// `account` is the currency of an account, null for a card.
export function addressed(search) {
  const query = new URLSearchParams(search);
  const [key, origin] = [query.get("key") ?? "", query.get("origin") ?? ""];
  return KEY.test(key) && isOrigin(origin) ? { key, origin, account: query.get("account") } : null;
}

function isOrigin(text) {
  try {
    return new URL(text).origin === text && /^https?:/.test(text);
  } catch {
    return false;
  }
}

// Calls `onPort` once, with the page's port.
export function greet(origin, onPort) {
  function hear(event) {
    if (event.origin !== origin || event.source !== window.parent) return;
    if (event.data?.farthing !== "port" || event.ports.length !== 1) return;
    window.removeEventListener("message", hear);
    onPort(event.ports[0]);
  }
  window.addEventListener("message", hear);
  window.parent.postMessage({ farthing: "hello" }, origin);
}
