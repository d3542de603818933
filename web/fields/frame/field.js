// One input of the frame, with its label and the words about what is wrong with it.

import { caretIn, DIGIT, withoutStuckSeparator } from "./caret.js";

const BRAND_GAP_PX = 8;
const BRAND_TEXTS = {
  amex: "Amex",
  diners: "Diners",
  discover: "Discover",
  jcb: "JCB",
  maestro: "Maestro",
  mastercard: "Mastercard",
  unionpay: "UnionPay",
  visa: "Visa",
};

// `read` makes of what was typed {text, problem, isOver} and what is sent; `words` says a problem. Who
// is told: `onTyped` of another text, `onLeft` when the person went on. `kept`: see caret.js.
export function field(form, name, read, words, { onTyped, onLeft }, kept = DIGIT) {
  const input = form.elements[name];
  const error = form.ownerDocument.getElementById(`${name}-error`);
  const badge = form.ownerDocument.getElementById(`${name}-brand`);
  const holding = "readOnly" in input ? "readOnly" : "disabled"; // a select knows no other
  let now = read("");
  let before = "";
  let isAsked = false; // whether it is time to say what is missing
  let refused = false; // whether the server refused it as it is

  const problem = () => (refused ? "refused" : now.problem);
  const shown = () => {
    if (problem() === null) return null;
    return isAsked || now.isOver ? problem() : null;
  };
  function show() {
    const wrong = shown();
    input.setAttribute("aria-invalid", String(wrong !== null));
    const text = wrong === null ? "" : words(name, wrong);
    if (error.textContent !== text) error.textContent = text; // else it would be read out again
    if (badge) showBrand(BRAND_TEXTS[now.brand] ?? "");
  }
  function showBrand(brand) {
    if (badge.textContent === brand) return;
    badge.textContent = brand;
    const room = brand === "" ? 0 : badge.offsetWidth + BRAND_GAP_PX;
    input.style.setProperty("--badge", `${room}px`);
  }
  function take(typed, at) {
    now = read(typed);
    refused = false;
    const isRegrouped = input.value !== now.text; // else the caret is where it should be
    input.value = now.text;
    before = now.text;
    if (isRegrouped && at !== null && input.ownerDocument.activeElement === input) {
      const place = caretIn(now.text, typed, at, kept);
      input.setSelectionRange(place, place);
    }
    if (now.problem === null) isAsked = false;
    show();
    onTyped();
  }

  input.addEventListener("input", ({ inputType }) => {
    const at = input.selectionStart ?? input.value.length;
    const mended = withoutStuckSeparator(before, input.value, at, inputType, kept);
    take(mended.typed, mended.at);
  });
  input.addEventListener("blur", () => {
    if (now.problem === "empty") return; // nobody is told off for passing by
    isAsked = true;
    show();
    onLeft();
  });

  return {
    name,
    get now() { return now; },
    get problem() { return problem(); },
    get shown() { return shown(); },
    again: () => take(input.value, null), // what is right may have changed
    ask() {
      isAsked = true;
      show();
    },
    refuse() {
      refused = isAsked = true;
      show();
    },
    forgive() {
      if (!refused) return;
      refused = false;
      show();
    },
    clear() {
      isAsked = false;
      take("", null);
    },
    focus: () => input.focus(),
    hold: (isHeld) => { input[holding] = isHeld; },
    say: show,
  };
}
