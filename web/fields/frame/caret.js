// Where the caret stays when what was typed is grouped anew.

// `before` and `typed` are the texts before and after a key was pressed, `at` the caret after it.
// Deleting only what stands between two groups deletes the digit next to it, as people expect.
export function withoutStuckSeparator(before, typed, at, inputType) {
  if (digits(before) !== digits(typed) || typed.length >= before.length) return { typed, at };
  if (inputType === "deleteContentBackward") {
    const head = typed.slice(0, at).replace(/\d\D*$/, "");
    return { typed: head + typed.slice(at), at: head.length };
  }
  if (inputType === "deleteContentForward") {
    return { typed: typed.slice(0, at) + typed.slice(at).replace(/^\D*\d/, ""), at };
  }
  return { typed, at };
}

// The caret's place in `text` behind as many digits as it was behind in `typed`.
export function caretIn(text, typed, at) {
  if (at >= typed.length) return text.length;
  let left = digits(typed.slice(0, at)).length;
  let place = 0;
  while (left > 0 && place < text.length) {
    if (/\d/.test(text[place])) left -= 1;
    place += 1;
  }
  return place;
}

const digits = (text) => text.replace(/\D/g, "");
