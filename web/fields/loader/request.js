// The token that is being made: one at a time, and who asks meanwhile waits for the same.

import { FieldsError } from "./error.js";

const SECONDS_MAX = 40; // the frame itself gives up before

export function request() {
  let waiting = null;
  let made = 0;

  function settle(error, token) {
    if (!waiting) return;
    const { resolve, reject, timer } = waiting;
    waiting = null;
    clearTimeout(timer);
    if (error) reject(error);
    else resolve(token);
  }

  return {
    settle,
    get current() {
      return waiting?.message ?? null;
    },
    is: (id) => waiting?.message.id === id,
    begin(details) {
      if (waiting) return waiting.promise;
      const late = () => settle(new FieldsError("network_error", "no answer came in time"));
      const begun = {
        message: { type: "create_token", id: ++made, ...details },
        timer: setTimeout(late, SECONDS_MAX * 1000),
      };
      begun.promise = new Promise((resolve, reject) => Object.assign(begun, { resolve, reject }));
      waiting = begun;
      return begun.promise;
    },
  };
}
