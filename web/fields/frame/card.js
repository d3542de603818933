// The fields of a card together.

import { readCode } from "./code.js";
import { readExpiry } from "./expiry.js";
import { field } from "./field.js";
import { group } from "./group.js";
import { readNumber } from "./number.js";

export const NAMES = ["number", "expiry", "cvc"];

export function card(form, words, onChange) {
  const told = {
    onTyped() {
      all.forgive();
      if (codeLength !== number.now.codeLength) {
        codeLength = number.now.codeLength;
        code.again();
      } else {
        onChange();
      }
    },
    onLeft: onChange,
  };
  const number = field(form, "number", readNumber, words, told);
  let codeLength = number.now.codeLength;
  const expiry = field(form, "expiry", (typed) => readExpiry(typed, new Date()), words, told);
  const code = field(form, "cvc", (typed) => readCode(typed, codeLength), words, told);
  const all = group([number, expiry, code]);
  return {
    ...all,
    state: () => ({ ...all.state(), brand: number.now.brand }),
    // What is sent to the server, and to nobody else. Name and address are the page's.
    body: ({ name, billing_address }) => ({
      number: number.now.digits,
      exp_month: expiry.now.month,
      exp_year: expiry.now.year,
      cvc: code.now.digits,
      name,
      billing_address,
    }),
  };
}
