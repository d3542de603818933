// The merchant's colour, made readable: whatever it is, text on it and text in it keep the contrast
// that WCAG 2.2 asks of text (4.5 : 1).

const HEX = /^#([0-9a-f]{6})$/i;
const ENOUGH = 4.5;
const STEPS = 24;
const WHITE = [255, 255, 255];
const NIGHT = [20, 22, 27];
const PAPERS = { light: WHITE, dark: NIGHT };

// {accent, onAccent, accentInk, tint, tintLine} as CSS colours, or null for what is no colour.
export function coloursOf(text, scheme) {
  const match = HEX.exec(text ?? "");
  if (!match) return null;
  const paper = PAPERS[scheme];
  const given = [0, 2, 4].map((at) => parseInt(match[1].slice(at, at + 2), 16));
  // A button needs 3 : 1 against the page, its text 4.5 : 1 against the button.
  const button = towards(given, away(paper), (colour) => contrast(colour, paper) >= 3);
  const ink = towards(given, away(paper), (colour) => contrast(colour, paper) >= ENOUGH);
  const onWhite = contrast(button, WHITE) >= ENOUGH;
  const text_ = onWhite ? WHITE : NIGHT;
  const accent = towards(button, away(text_), (colour) => contrast(colour, text_) >= ENOUGH);
  return {
    "--accent": css(accent),
    "--on-accent": css(text_),
    "--accent-ink": css(ink),
    "--tint": css(mix(paper, given, scheme === "dark" ? 0.1 : 0.06)),
    "--tint-line": css(mix(paper, button, scheme === "dark" ? 0.42 : 0.16)),
  };
}

export function contrast(one, other) {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

// The first colour on the way from one to another that is good enough; the other, if none is.
function towards(from, to, isGood) {
  for (let step = 0; step < STEPS; step += 1) {
    const colour = mix(from, to, step / STEPS);
    if (isGood(colour)) return colour;
  }
  return to;
}

const away = (colour) => (luminance(colour) > 0.4 ? [0, 0, 0] : WHITE);
const mix = (from, to, part) => from.map((value, at) => Math.round(value + (to[at] - value) * part));
const css = (colour) => `rgb(${colour.join(" ")})`;

function luminance(colour) {
  const [r, g, b] = colour.map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
