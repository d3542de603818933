// The three fields together: what is typed, whether it is complete, and what is wrong with it.

import { readCode } from "./code.js";
import { readExpiry } from "./expiry.js";
import { field } from "./field.js";
import { readNumber } from "./number.js";

export function card(form, words, onChange) {
  const told = {
    onTyped() {
      fields.forEach((one) => one.forgive()); // what the server refused was the card as it was
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
  const fields = [number, expiry, code];

  const problems = (of) => Object.fromEntries(
    fields.map((one) => [one.name, one[of]]).filter(([, problem]) => problem !== null),
  );
  return {
    // What the page may know.
    state: () => ({
      complete: fields.every((one) => one.problem === null),
      empty: fields.every((one) => one.now.problem === "empty"),
      brand: number.now.brand,
      problems: problems("shown"),
    }),
    // What is wrong, shown to who typed it, who is taken to the first of it. Empty if nothing is.
    check() {
      const wrong = problems("problem");
      fields.filter((one) => one.name in wrong).forEach((one) => one.ask());
      fields.find((one) => one.name in wrong)?.focus();
      return wrong;
    },
    refuse(names) {
      const refused = fields.filter((one) => names.includes(one.name));
      refused.forEach((one) => one.refuse());
      refused[0]?.focus();
    },
    // What is sent to the server, and to nobody else.
    typed: () => ({
      number: number.now.digits,
      exp_month: expiry.now.month,
      exp_year: expiry.now.year,
      cvc: code.now.digits,
    }),
    clear: () => fields.forEach((one) => one.clear()),
    focus: () => number.focus(),
    hold: (isHeld) => fields.forEach((one) => one.hold(isHeld)),
    say: () => fields.forEach((one) => one.say()),
  };
}
