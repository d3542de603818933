// The script that a merchant's page loads: it makes the global `Farthing`.
//
//     const farthing = Farthing("pk_test_…");
//     const card = farthing.cardFields("#card");
//     const { token } = await card.createToken({ name: "Ada Lovelace" });
//
// and for an account `accountFields("#account", { currency: "eur" })`. It puts a frame of another
// origin into the page and talks to it. No digit of a card or an account comes here.

import { mount } from "./fields.js";
import { ACCOUNT, CARD } from "./kinds.js";

const KEY = /^(pk|ck)_(test|live)_[A-Za-z0-9_-]+$/;

const script = document.currentScript;
if (!(script instanceof HTMLScriptElement) || !script.src) {
  throw new Error("Farthing: load fields.js by a plain <script src>, not as a module");
}
const frameUrl = new URL("frame", script.src);

function Farthing(key) {
  if (typeof key !== "string" || !KEY.test(key)) {
    throw new TypeError("Farthing takes a publishable key, such as pk_test_…, and no other");
  }
  return Object.freeze({
    cardFields: (container, options) => mount(CARD, frameUrl, key, container, options),
    accountFields: (container, options) => mount(ACCOUNT, frameUrl, key, container, options),
  });
}

window.Farthing = Farthing;
