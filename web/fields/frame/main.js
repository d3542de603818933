// The frame: the inputs of a card or an account, and a port to the page that embeds it.
//
//     page ── mount, focus, clear, create_token ──► frame ── what was typed ──► POST /v1/tokens
//     page ◄── ready, height, change, error, token, refused ── frame ◄──── a token ────┘
//
// What was typed goes to the frame's own origin. What goes to the page is made in messages.js.

import { addressed, greet } from "./handshake.js";
import { kindOf } from "./kinds.js";
import * as messages from "./messages.js";
import { apply } from "./style.js";
import { textsOf } from "./texts.js";
import { createToken, Refusal } from "./tokens.js";

const address = addressed(location.search);
const kind = kindOf(address?.account);
const form = document.querySelector("form");
const root = document.documentElement;
let texts = textsOf(kind.words);
let port = null;
let told = ""; // the last `change`, to say each once
let isMounted = false;
let request = null; // what gives up the request that is under way

for (const input of [...form.elements]) {
  if (!kind.names.includes(input.name)) input.closest(".field").remove();
}
const fields = kind.fields(form, (name, problem) => texts.say(`${name}_${problem}`), tellChange);

function tell(message) {
  port?.postMessage(message);
}

function tellChange() {
  const message = messages.change(fields.state());
  const text = JSON.stringify(message);
  if (text === told || !isMounted) return;
  told = text;
  tell(message);
}

function mount({ style, locale, labels, autofocus }) {
  texts = textsOf(kind.words, locale, labels);
  root.lang = texts.lang;
  root.dir = texts.dir;
  document.title = texts.say("title");
  write();
  fields.say();
  const refused = { style_refused: apply(style, root), labels_refused: texts.refused };
  for (const [code, names] of Object.entries(refused)) {
    if (names.length > 0) tell(messages.notTaken(code, names));
  }
  if (isMounted) return;
  isMounted = true;
  told = JSON.stringify(messages.change(fields.state()));
  form.hidden = false;
  new ResizeObserver(() => tell(messages.height(form.getBoundingClientRect().height))).observe(form);
  tell(messages.height(form.getBoundingClientRect().height));
  tell(messages.ready());
  if (autofocus === true) fields.focus();
}

function write() {
  for (const label of form.querySelectorAll("label")) label.textContent = texts.say(label.htmlFor);
  for (const choice of form.querySelectorAll("option")) {
    choice.textContent = texts.say(choice.value.toLowerCase());
  }
  if (form.elements.expiry) form.elements.expiry.placeholder = texts.say("expiry_placeholder");
}

async function create({ id, ...details }) {
  request?.abort();
  const refuse = (code, problems) => {
    tellChange();
    tell(messages.refused(id, code, texts.say(code), problems));
  };
  const wrong = fields.check();
  const lacking = kind.lacks(details);
  if (isSome(wrong)) return refuse(`${kind.what}_incomplete`, { ...wrong, ...lacking });
  if (isSome(lacking)) return refuse("mandate_missing", lacking);
  const mine = new AbortController();
  request = mine;
  fields.hold(true);
  try {
    const answer = await createToken(address.key, kind.what, fields.body(details), mine.signal);
    const token = kind.token(id, answer);
    if (token) tell(token);
    else refuse("server_error");
  } catch (error) {
    if (!(error instanceof Refusal)) return refuse("server_error");
    fields.refuse(Object.keys(error.problems));
    return refuse(error.code, error.problems);
  } finally {
    if (request === mine) {
      request = null;
      fields.hold(false);
    }
  }
}

const isSome = (problems) => Object.keys(problems).length > 0;

const take = { mount, create_token: create, focus: () => fields.focus(), clear: () => fields.clear() };

form.addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("pagehide", ({ persisted }) => {
  if (!persisted) port = null; // it ends: what breaks off now is nobody's answer
  fields.clear(); // nothing stays in a page that is left
});

if (address && window.parent !== window) {
  greet(address.origin, (given) => {
    port = given;
    port.onmessage = ({ data }) => {
      if (Object.hasOwn(take, data?.type)) take[data.type](data);
    };
  });
}
