// Where the caret stays when what was typed is grouped anew. `kept` is what grouping leaves: a digit
// in a card number, a digit or a letter in an IBAN, anything in a name.

export const DIGIT = /\d/;
export const LETTER_OR_DIGIT = /[0-9a-z]/i;
export const ANYTHING = /[^]/;

// `before` and `typed` are the texts before and after a key was pressed, `at` the caret after it.
// Deleting only what stands between two groups deletes the character next to it, as people expect.
export function withoutStuckSeparator(before, typed, at, inputType, kept = DIGIT) {
  if (keptIn(before, kept) !== keptIn(typed, kept) || typed.length >= before.length) return { typed, at };
  const [head, tail] = [typed.slice(0, at), typed.slice(at)];
  if (inputType === "deleteContentBackward") {
    const place = Math.max(head.split("").findLastIndex((one) => kept.test(one)), 0);
    return { typed: head.slice(0, place) + tail, at: place };
  }
  if (inputType === "deleteContentForward") {
    return { typed: head + tail.slice(tail.search(kept) + 1), at };
  }
  return { typed, at };
}

// The caret's place in `text` behind as many kept characters as it was behind in `typed`.
export function caretIn(text, typed, at, kept = DIGIT) {
  if (at >= typed.length) return text.length;
  let left = keptIn(typed.slice(0, at), kept).length;
  let place = 0;
  while (left > 0 && place < text.length) {
    if (kept.test(text[place])) left -= 1;
    place += 1;
  }
  return place;
}

const keptIn = (text, kept) => text.split("").filter((one) => kept.test(one)).join("");
