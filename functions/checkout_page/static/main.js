// The page of one checkout session. All it knows comes from the session, so it may be loaded again
// at any moment, in any number of tabs:
//
//     OPEN        the form; what kept the last card from paying, if there was one
//     PROCESSING  asked again and again until it is something else; nobody pays meanwhile
//     PAID        thanks, and on to the shop
//     EXPIRED     the end
//
// An attempt whose answer got lost is sent again under its own key, which can charge once only. The
// form comes back only when it is certain that nothing was charged.

import * as api from "./api.js";
import { showBill, webAddress } from "./bill.js";
import { mountCard } from "./card.js";
import { coloursOf } from "./colour.js";
import { moneyOf } from "./money.js";
import { textsOf } from "./texts.js";
import * as view from "./view.js";

const ASK_AFTER_SECONDS = [1, 1, 2, 3, 5, 8, 10]; // and every ten from then on
const LONG_AFTER_ASKING = 9; // some 50 s: then it is said that it takes long
const SEND_AGAIN_MAX = 6;
const LOST_SECONDS = 40; // longer than a request that we do not hear of can be at work
const LOOK_AGAIN_SECONDS = 4; // the page was loaded again, and what it had sent may still arrive
const SLOW_SECONDS = 6; // most banks have answered by then: it is said that it is being found out
const THANKS_SECONDS = 1.6;
const NOT_OURS = [401, 403, 404];
const DAY = 24 * 3600 * 1000;

const $ = (id) => document.getElementById(id);
const { locale, lang, say, has } = textsOf(navigator.languages);
document.documentElement.lang = lang;

let session = null;
let card = null;
let money = null;
let isPaying = false;
let end;
let turn = 0; // what was begun before another turn began shows nothing any more

const sleep = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));
const words = (more = {}) => ({
  merchant: session?.merchant.name ?? "",
  amount: session ? money(session.amount_cents) : "",
  ...more,
});

async function refresh() {
  const mine = (turn += 1);
  const answer = await api.read();
  if (mine === turn) await take(answer, mine);
}

// While the form is open another tab may pay, or the session's time runs out. Who pays here
// meanwhile is not disturbed.
async function lookAgain() {
  if (isPaying || view.current() !== "form") return;
  const mine = (turn += 1);
  const answer = await api.read();
  if (mine === turn && !isPaying) await take(answer, mine);
}

// What the session's state makes of the page.
async function take(answer, mine) {
  if (NOT_OURS.includes(answer.status)) return broken("broken");
  if (answer.status !== 200) return session ? undefined : broken("offline");
  session = answer.body;
  money = moneyOf(locale, session.currency, session.currency_exponent);
  paint();
  showBill(session, say, money);
  if (session.status === "PROCESSING") return wait(mine);
  if (session.status === "PAID") return paid();
  if (session.status === "EXPIRED") return over("over");
  return session.attempts_left > 0 ? open() : over("tried");
}

function open() {
  const { decline } = session;
  $("title").textContent = say("title");
  $("name-label").textContent = say("name");
  $("isolated").textContent = say("isolated");
  $("saved").textContent = say("saved", words());
  $("saved").hidden = !session.save_payment_method;
  const hasWaited = view.current() === "waiting";
  if (hasWaited || (view.current() === "loading" && decline)) view.notice(...noticeOf(decline));
  if (hasWaited) card?.clear();
  view.busy(!card, say("pay", words()));
  view.show("form");
  if (!card) mount();
  endInTime();
}

function mount() {
  card = mountCard("#card", locale, () => {
    view.busy(true, say("pay", words()));
    view.notice(say("fields_title"), say("fields_text"));
  });
  card?.on("ready", () => { if (!isPaying) view.busy(false, say("pay", words())); });
}

async function submit(event) {
  event.preventDefault();
  const name = $("name").value.trim();
  view.nameError(name ? "" : say("name_missing"));
  if (isPaying || !card) return;
  if (!name) return $("name").focus();
  isPaying = true;
  view.clearNotice();
  view.busy(true, say("paying"));
  view.announce(say("paying"));
  const token = await card.createToken({ name }).then((made) => made.token, notMade);
  if (token) await send(token);
  isPaying = false;
  if (view.current() === "form") view.busy(false, say("pay", words()));
}

// No token, so nothing was sent. What is wrong in a field the frame says itself.
async function notMade({ code, message }) {
  if (code === "key_refused") await refresh();
  else if (code !== "card_incomplete") view.notice(say("card_title"), message);
}

// One attempt.
async function send(token) {
  const mine = (turn += 1);
  const slow = setTimeout(() => view.show("waiting", waitingWords(0)), SLOW_SECONDS * 1000);
  const answer = await untilAnswered(token, mine);
  clearTimeout(slow);
  if (mine === turn) await answered(answer, mine);
}

// Sent until there is an answer to it, a bounded number of times.
async function untilAnswered(token, mine) {
  for (let tries = 1; ; tries += 1) {
    const answer = await api.pay(token);
    if (!isLost(answer) || tries === SEND_AGAIN_MAX || mine !== turn) return answer;
    await sleep(answer.retryAfterSeconds || Math.min(tries, 5));
  }
}

const isLost = ({ status, body }) => status === 0 || status >= 500 || body.code === "request_in_progress";

async function answered(answer, mine) {
  const { status, body } = answer;
  if (status === 503) return again("unreachable");
  if (isLost(answer)) return wait(mine, Date.now() + LOST_SECONDS * 1000);
  if (status === 200 || status === 202 || body.code === "operation_in_progress") return wait(mine);
  if (status === 402) return declined(body);
  if (body.code === "token_not_usable") return again("card", "card_again_text");
  if (status === 429) return again("busy");
  return refresh();
}

async function declined({ code, checkout_session: tried }) {
  if (code === "card_declined") view.notice(...noticeOf(tried.decline));
  else view.notice(say("undone_title"), say(code === "blocked_by_fraud" ? "blocked_text" : "undone_text"));
  emptyForm();
  await refresh(); // as many cards as may be tried were, perhaps
}

function again(why, text = `${why}_text`) {
  view.notice(say(`${why}_title`), say(text));
  emptyForm();
}

function emptyForm() {
  view.show("form");
  card?.clear();
  card?.focus();
}

// Ask until it is known. The first question comes at once: most payments are known by then. Where
// the attempt may still be on its way to us, an open session is believed after a while only.
async function wait(mine, openFrom = 0) {
  for (let asked = 0; ; asked += 1) {
    const answer = await api.read();
    if (mine !== turn) return undefined;
    const { status } = answer.body;
    const isOver = answer.status === 200 && status !== "PROCESSING" && (status !== "OPEN" || Date.now() >= openFrom);
    if (isOver || NOT_OURS.includes(answer.status)) return take(answer, mine);
    view.show("waiting", waitingWords(asked));
    await sleep(ASK_AFTER_SECONDS[Math.min(asked, ASK_AFTER_SECONDS.length - 1)]);
    if (mine !== turn) return undefined;
  }
}

const waitingWords = (asked) => ({
  title: say("waiting_title"),
  text: say("waiting_text"),
  more: say(asked > LONG_AFTER_ASKING ? "waiting_long" : "waiting_more", words()),
});

async function paid() {
  const address = webAddress(session.success_url);
  const link = address && { address, text: say("onward", words()) };
  view.show("paid", { title: say("paid_title"), text: say("paid_text", words()), link });
  await sleep(THANKS_SECONDS);
  // In the place of this page: the way back leads to before it.
  if (address) location.replace(address);
}

function over(why) {
  const address = webAddress(session.cancel_url);
  const link = address && { address, text: say("back", words()) };
  view.show("over", { title: say(`${why}_title`), text: say(`${why}_text`), link });
}

function broken(why) {
  const button = document.querySelector("[data-again]");
  button.textContent = say("again");
  button.hidden = why !== "offline";
  view.show("broken", { title: say(`${why}_title`), text: say(`${why}_text`) });
}

function noticeOf(decline) {
  if (!decline) return [say("undone_title"), say("undone_text")];
  const own = `declined_${decline.reason_code}`;
  return [say("declined_title"), say(has(own) ? own : "declined_any")];
}

// Clocks differ, so the end is looked at, and not too often.
function endInTime() {
  clearTimeout(end);
  const left = Date.parse(session.expires_at) - Date.now();
  end = setTimeout(lookAgain, Math.min(Math.max(left + 1000, 30_000), DAY));
}

function paint() {
  const scheme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const colours = coloursOf(session.merchant.colour, scheme) ?? {};
  for (const [name, value] of Object.entries(colours)) document.documentElement.style.setProperty(name, value);
}

$("form").addEventListener("submit", submit);
$("name").addEventListener("input", () => view.nameError(""));
document.querySelector("[data-again]").addEventListener("click", () => location.reload());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (session) paint(); });
addEventListener("pageshow", ({ persisted }) => { if (persisted && !isPaying) refresh(); });
addEventListener("visibilitychange", () => { if (!document.hidden) lookAgain(); });
setTimeout(lookAgain, LOOK_AGAIN_SECONDS * 1000);
addEventListener("hashchange", () => location.reload());
if (api.hasKey) refresh();
else broken("broken");
