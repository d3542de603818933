// What the right half shows: one view at a time, named by the body's data-state. What it means is
// told to who listens as well.

const $ = (id) => document.getElementById(id);
const viewOf = (state) => document.querySelector(`[data-view="${state}"]`);

export const current = () => document.body.dataset.state;

// Shows a view, with its title, text and link. Those who cannot see it hear it; the keyboard is put
// there, so that it does not stay on a button that is gone.
export function show(state, { title, text, more, link } = {}) {
  const view = viewOf(state);
  set(view, "[data-title]", title);
  set(view, "[data-text]", text);
  set(view, "[data-more]", more);
  const anchor = view.querySelector("[data-link]");
  if (anchor) {
    anchor.hidden = !link;
    if (link) Object.assign(anchor, { href: link.address, textContent: link.text });
  }
  if (current() === state) return;
  document.body.dataset.state = state;
  if (state !== "form") {
    view.focus({ preventScroll: true });
    announce([title, text].filter(Boolean).join(" "));
  }
}

export function announce(text) {
  $("hearing").textContent = text;
}

// Above the form: why it is to be filled in again. It is an alert, so it is read out at once.
export function notice(title, text) {
  $("notice-title").textContent = title;
  $("notice-text").textContent = text;
  $("notice").hidden = false;
  $("notice").scrollIntoView({ block: "nearest" });
}

export const clearNotice = () => { $("notice").hidden = true; };

export function busy(isBusy, text) {
  const button = $("pay");
  button.disabled = isBusy;
  button.setAttribute("aria-busy", String(isBusy));
  $("pay-text").textContent = text;
  $("name").readOnly = isBusy;
}

export function nameError(text) {
  $("name-error").textContent = text;
  $("name-error").hidden = !text;
  $("name").setAttribute("aria-invalid", String(Boolean(text)));
}

function set(view, selector, text) {
  const found = view.querySelector(selector);
  if (!found) return;
  found.textContent = text ?? "";
  found.hidden = !text;
}
