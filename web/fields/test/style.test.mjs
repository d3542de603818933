import assert from "node:assert/strict";
import { test } from "node:test";
import { ALLOWED, apply } from "../frame/style.js";

globalThis.CSS = { supports: () => true }; // the browser's own check comes on top: see tests/browser

const GOOD = {
  color: ["#123", "#A1B2C3", "red", "rgb(1 2 3 / 50%)", "hsla(10deg, 5%, 5%, .5)", "oklch(0.6 0.1 20)"],
  fontSize: ["16px", "1rem", "1.25em", "0"],
  fontWeight: ["400", "bold"],
  fontFamily: ["Inter, 'Segoe UI', sans-serif", 'system-ui, -apple-system, "Helvetica Neue"'],
};
const BAD = [
  "url(https://evil.example/?x)", "URL(//evil)", "image-set('https://evil')", "var(--x)", "env(x)",
  "expression(alert(1))", "attr(value)", "red; background: url(x)", "red}", "a{b", "\\75rl(x)", "@import 'x'",
  "rgb(url(x))", "calc(1px + 1px)", "-5px", "9999px", "1e9px", "12 px", "", "x".repeat(500), "<style>", "/*x*/",
];

const root = () => ({ dataset: {}, set: {}, style: { setProperty(name, value) { this.of[name] = value; } } });

function applied(style) {
  const at = root();
  at.style.of = at.set;
  return { refused: apply(style, at), set: at.set, dataset: at.dataset };
}

test("plain values are taken", () => {
  for (const [name, values] of Object.entries(GOOD)) {
    for (const value of values) assert.deepEqual(applied({ [name]: value }).refused, [], `${name}: ${value}`);
  }
  assert.deepEqual(applied({ backgroundColor: "#fff" }).set, { "--background-color": "#fff" });
  assert.deepEqual(applied({ colorScheme: "dark" }).dataset, { colorScheme: "dark" });
});

test("nothing that could load, compute or end a declaration is taken for anything", () => {
  for (const name of [...Object.keys(ALLOWED), "colorScheme"]) {
    for (const value of [...BAD, 16, null, true, {}, ["red"], { toString: () => "red" }]) {
      const { refused, set } = applied({ [name]: value });
      assert.deepEqual([refused, set], [[name], {}], `${name}: ${value}`);
    }
  }
});

test("what is not on the list is refused by name", () => {
  const style = { backgroundImage: "red", "--color": "red", cssText: "red", constructor: "red", __proto__x: "red" };
  assert.deepEqual(applied(style).refused, Object.keys(style));
  assert.deepEqual(applied(undefined).refused, []);
});
