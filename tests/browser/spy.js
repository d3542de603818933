// A page that keeps all that it can get hold of: run before the loader, as a merchant's page could
// that wants card numbers, or that somebody has broken into.
window.heard = [];
const keep = (where, what) => {
  let text;
  try {
    text = JSON.stringify(what) ?? String(what);
  } catch {
    text = String(what);
  }
  window.heard.push([where, text]);
};

addEventListener("message", (e) => keep("message", { origin: e.origin, data: e.data }), true);

const RealChannel = window.MessageChannel;
window.ports = [];
window.MessageChannel = class extends RealChannel {
  constructor() {
    super();
    window.ports.push(this.port1);
    this.port1.addEventListener("message", (e) => keep("port", e.data));
  }
};
const post = MessagePort.prototype.postMessage;
MessagePort.prototype.postMessage = function (...given) {
  keep("sent", given[0]);
  return post.apply(this, given);
};

const fetched = window.fetch;
window.fetch = (...given) => (keep("fetch", given), fetched(...given));
const send = XMLHttpRequest.prototype.send;
XMLHttpRequest.prototype.send = function (body) {
  keep("xhr", body);
  return send.call(this, body);
};
for (const name of ["log", "info", "warn", "error", "debug"]) {
  const say = console[name];
  console[name] = (...given) => (keep("console", given), say(...given));
}
for (const name of ["keydown", "keyup", "keypress", "beforeinput", "input", "change", "paste", "copy", "focusin", "blur"]) {
  addEventListener(name, (e) => keep(name, [e.key, e.data, e.target?.value, e.target?.tagName]), true);
}
new MutationObserver((all) => all.forEach((one) => keep("dom", [one.target.outerHTML, one.oldValue])))
  .observe(document, { subtree: true, childList: true, attributes: true, attributeOldValue: true });

window.everything = () => JSON.stringify({
  heard: window.heard,
  html: document.documentElement.outerHTML,
  storage: [Object.entries(localStorage), Object.entries(sessionStorage), document.cookie],
  address: [location.href, history.state, window.name],
  entries: performance.getEntries().map((entry) => entry.name),
  frames: [...document.querySelectorAll("iframe")].map((one) => [one.src, one.name, one.title, one.style.cssText]),
});
