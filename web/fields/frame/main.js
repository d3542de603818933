// The card frame: three inputs, and a port to the page that embeds it.
//
//     page ── mount, focus, clear, create_token ──► frame ── the card ──► POST /v1/tokens
//     page ◄── ready, height, change, error, token, refused ── frame ◄── a token ──┘
//
// What was typed goes to the frame's own origin. What goes to the page is made in messages.js.

import { card as cardOf } from "./card.js";
import { addressed, greet } from "./handshake.js";
import * as messages from "./messages.js";
import { apply } from "./style.js";
import { textsOf } from "./texts.js";
import { createToken, Refusal } from "./tokens.js";

const form = document.querySelector("form");
const root = document.documentElement;
let texts = textsOf("en");
let port = null;
let told = ""; // the last `change`, to say each once
let isMounted = false;
let request = null; // what gives up the request that is under way

const card = cardOf(form, (name, problem) => texts.say(`${name}_${problem}`), tellChange);

function tell(message) {
  port?.postMessage(message);
}

function tellChange() {
  const message = messages.change(card.state());
  const text = JSON.stringify(message);
  if (text === told || !isMounted) return;
  told = text;
  tell(message);
}

function mount({ style, locale, labels, autofocus }) {
  texts = textsOf(locale, labels);
  root.lang = texts.lang;
  root.dir = texts.dir;
  document.title = texts.say("title");
  for (const label of form.querySelectorAll("label")) {
    label.textContent = texts.say(label.htmlFor);
  }
  form.elements.expiry.placeholder = texts.say("expiry_placeholder");
  card.say();
  const refused = { style_refused: apply(style, root), labels_refused: texts.refused };
  for (const [code, names] of Object.entries(refused)) {
    if (names.length > 0) tell(messages.notTaken(code, names));
  }
  if (isMounted) return;
  isMounted = true;
  told = JSON.stringify(messages.change(card.state()));
  form.hidden = false;
  new ResizeObserver(() => tell(messages.height(form.getBoundingClientRect().height))).observe(form);
  tell(messages.height(form.getBoundingClientRect().height));
  tell(messages.ready());
  if (autofocus === true) card.focus();
}

async function create({ id, name, billing_address }) {
  request?.abort();
  const refuse = (code, problems) => {
    tellChange();
    tell(messages.refused(id, code, texts.say(code), problems));
  };
  const wrong = card.check();
  if (Object.keys(wrong).length > 0) return refuse("card_incomplete", wrong);
  const mine = new AbortController();
  request = mine;
  card.hold(true);
  try {
    const answer = await createToken(addressOfFrame.key, card.typed(), { name, billing_address }, mine.signal);
    const token = messages.token(id, answer);
    if (token) tell(token);
    else refuse("server_error");
  } catch (error) {
    if (!(error instanceof Refusal)) return refuse("server_error");
    card.refuse(Object.keys(error.problems));
    return refuse(error.code, error.problems);
  } finally {
    if (request === mine) {
      request = null;
      card.hold(false);
    }
  }
}

const take = { mount, create_token: create, focus: () => card.focus(), clear: () => card.clear() };

form.addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("pagehide", ({ persisted }) => {
  if (!persisted) port = null; // it ends: what breaks off now is nobody's answer
  card.clear(); // nothing stays in a page that is left
});

const addressOfFrame = addressed(location.search);
if (addressOfFrame && window.parent !== window) {
  greet(addressOfFrame.origin, (given) => {
    port = given;
    port.onmessage = ({ data }) => {
      if (Object.hasOwn(take, data?.type)) take[data.type](data);
    };
  });
}
