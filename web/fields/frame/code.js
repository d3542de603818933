// The security code as it is typed: four digits on American Express, three on all others.

export function readCode(typed, length) {
  const digits = typed.replace(/\D/g, "").slice(0, length);
  return { digits, text: digits, problem: problemOf(digits, length), isOver: false };
}

function problemOf(digits, length) {
  if (digits === "") return "empty";
  return digits.length < length ? "incomplete" : null;
}
