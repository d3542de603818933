// One frame in a page: its element, its events, its tokens.
//
//     loading ──► ready ◄──► a token is being made
//        │          └──────► loading again, empty: the page moved the frame
//        └─────────────────► over: it failed (an `error` event says why), or was unmounted

import { connect } from "./connection.js";
import { element, resize } from "./element.js";
import { FieldsError } from "./error.js";
import { events } from "./events.js";
import { request } from "./request.js";

const OPTIONS = ["style", "locale", "labels", "autofocus"];
const LOADED_SECONDS_MAX = 30;
const READY_SECONDS_MAX = 5; // from the frame's load, or its first word, until it is ready

export function mount(kind, frameUrl, key, container, options) {
  const host = typeof container === "string" ? document.querySelector(container) : container;
  if (!(host instanceof Element)) throw new TypeError(`${kind.call}: there is no ${container}`);
  if (location.origin === "null") throw new Error(`${kind.call}: this page has no origin`);
  const given = plain(options);
  const strange = others(given, [...OPTIONS, ...kind.options]);
  if (strange.length > 0) throw new TypeError(`${kind.call}: there is no option ${strange}`);
  kind.check(given);
  const frame = element(kind, frameUrl, key, given);
  const { emit, on, clear } = events();
  const token = request();
  const life = lifeOf(token, emit);

  const connection = connect(frame, frameUrl.origin, (post) => {
    if (life.isReady) {
      token.settle(new FieldsError("frame_unavailable", "the fields were loaded anew"));
    }
    life.begin(post, READY_SECONDS_MAX);
    const locale = document.documentElement.lang || navigator.language;
    post({ type: "mount", locale, ...given });
    return listener(frame, kind, emit, token, life);
  });
  life.onEnd(connection.close);
  life.begin(null, LOADED_SECONDS_MAX);
  frame.addEventListener("load", () => life.hasLoaded(READY_SECONDS_MAX));
  host.append(frame);

  return Object.freeze({
    on,
    createToken(details) {
      if (life.over) return Promise.reject(life.over);
      const said = plain(details);
      const unheard = others(said, kind.details);
      if (unheard.length > 0) return Promise.reject(unknownDetails(unheard));
      const isNew = !token.current;
      const promise = token.begin(said);
      if (isNew) life.post(token.current); // else it is sent when the frame is ready
      return promise;
    },
    focus() {
      frame.focus();
      life.post({ type: "focus" });
    },
    clear: () => life.post({ type: "clear" }),
    unmount() {
      life.end(new FieldsError("unmounted", "the fields were taken away"));
      clear();
      frame.remove();
    },
  });
}

// Whether the frame is there, and for how long one waits for it.
function lifeOf(token, emit) {
  let over = null;
  let port = null; // how to post to the frame
  let isReady = false;
  let timer;
  let close;

  function end(error) {
    if (over) return false;
    over = error;
    clearTimeout(timer);
    close();
    port = null;
    token.settle(error);
    return true;
  }
  function wait(seconds) {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const why = `the fields did not load: may ${location.origin} embed them?`;
      if (end(new FieldsError("frame_unavailable", why))) {
        emit("error", { code: "frame_unavailable", message: why, fields: {} });
      }
    }, seconds * 1000);
  }
  return {
    end,
    onEnd: (does) => { close = does; },
    get over() { return over; },
    get isReady() { return isReady; },
    begin(post, seconds) {
      port = post;
      isReady = false;
      wait(seconds);
    },
    hasLoaded(seconds) {
      if (!port && !over) wait(seconds);
    },
    ready() {
      isReady = true;
      clearTimeout(timer);
    },
    post(message) {
      if (isReady) port?.(message);
    },
  };
}

// What the frame says, and what becomes of it.
function listener(frame, kind, emit, token, life) {
  const take = {
    ready() {
      life.ready();
      if (token.current) life.post(token.current);
      emit("ready", {});
    },
    height: ({ px }) => resize(frame, px),
    change: (message) => emit("change", pick(message, "complete", "empty", kind.told, "errors")),
    error: (message) => emit("error", pick(message, "code", "message", "fields")),
    token: ({ id, token: made }) => { if (token.is(id)) token.settle(null, made); },
    refused({ id, code, message, fields }) {
      if (token.is(id)) token.settle(new FieldsError(code, message, fields));
    },
  };
  return (message) => {
    if (Object.hasOwn(take, message.type)) take[message.type](message);
  };
}

// Data alone: what cannot be sent to the frame is refused or left out here.
const plain = (value) => JSON.parse(JSON.stringify(value ?? {}));

// A name that nobody knows is said: it may be a known one, mistyped.
const others = (given, known) => Object.keys(given).filter((name) => !known.includes(name));

const unknownDetails = (names) => new FieldsError(
  "details_refused",
  `createToken: there is no ${names}`,
  Object.fromEntries(names.map((name) => [name, "refused"])),
);

const pick = (from, ...names) => Object.fromEntries(names.map((name) => [name, from[name]]));
